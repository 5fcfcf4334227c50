"""Frames that show their own number, and the decoded clip with the numbers of its frames."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.span import Span

BITS = 8
SIDE = 16


def number(picture: NDArray[Any]) -> int:
    squares = picture.reshape(SIDE, BITS, SIDE)[4:12, :, 4:12].mean(axis=(0, 2))
    return sum(1 << bit for bit, brightness in enumerate(squares) if brightness > 128)


def extracted(path: Path, work: Path, span: Span | None) -> tuple[DecodedClip, list[int]]:
    work.mkdir(exist_ok=True)
    sink = io.BytesIO()
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0)
    media = decode(path, sink, work=work, recipe=recipe, span=span)
    ends = np.cumsum(media.jpeg_bytes)
    jpegs = [
        sink.getvalue()[end - size : end] for end, size in zip(ends, media.jpeg_bytes, strict=True)
    ]
    return media, [number(np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))) for jpeg in jpegs]
