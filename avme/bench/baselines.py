"""Baselines: other libraries that read the crops of a window from a video file.

Each gets one thread, and decodes only the requested frames. `decord`, with Pillow, does what
VideoMAE's pretraining does, without the final conversion to floats.

Shape letters: t frames, c colors, m the model's size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor

from avme.bench.optional_import import LOADING_ERRORS, reason_of
from avme.data.crop import Box, crop_resize
from avme.errors import UsageError

_PACKAGES: Final = {"pyav": "av"}
"""Imported package of a baseline, where its name differs."""
_SMALLEST: Final = 16
Squares = UInt8[Tensor, "t c m m"]
Load = Callable[[Path, Sequence[int], Box, int], Squares]


@dataclass(frozen=True, slots=True)
class Baselines:
    """Available baselines, and reasons why the others are not."""

    present: dict[str, Load]
    absent: dict[str, str]


def find_baselines(names: Sequence[str]) -> Baselines:
    """Import the named libraries; raises UsageError for unknown names."""
    present: dict[str, Load] = {}
    absent: dict[str, str] = {}
    for name in names:
        if name not in PEERS:
            raise UsageError(f"unknown baseline {name!r}: expected {', '.join(PEERS)}")
        try:
            present[name] = PEERS[name]()
        except LOADING_ERRORS as error:
            absent[name] = reason_of(error, _PACKAGES.get(name, name))
    return Baselines(present, absent)


def without_broken(peers: Baselines, video: Path, frames: Sequence[int], box: Box) -> Baselines:
    """Return the baselines that can load one window.

    This also loads what a library loads on its first call, such as FFmpeg's libraries.

    Args:
        peers: Imported baselines.
        video: File to read.
        frames: Frame indices.
        box: Crop.
    """
    present, absent = {}, dict(peers.absent)
    for name, load in peers.present.items():
        try:
            load(video, frames, box, _SMALLEST)
            present[name] = load
        except LOADING_ERRORS as error:
            absent[name] = reason_of(error, _PACKAGES.get(name, name))
    return Baselines(present, absent)


def _torchcodec() -> Load:
    from torchcodec.decoders import VideoDecoder

    def load(video: Path, frames: Sequence[int], box: Box, size: int) -> Squares:
        decoder = VideoDecoder(str(video), num_ffmpeg_threads=1)
        return crop_resize(decoder.get_frames_at(list(frames)).data, box, size)

    return load


def _pyav() -> Load:
    import av

    def load(video: Path, frames: Sequence[int], box: Box, size: int) -> Squares:
        wanted, found = set(frames), {}
        with av.open(str(video)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for index, frame in enumerate(container.decode(video=0)):
                if index in wanted:
                    found[index] = frame.to_ndarray(format="rgb24")
                if index == frames[-1]:
                    break
        return crop_resize(_channels_second([found[index] for index in frames]), box, size)

    return load


def _decord() -> Load:
    import decord
    from PIL import Image

    def load(video: Path, frames: Sequence[int], box: Box, size: int) -> Squares:
        reader = decord.VideoReader(str(video), num_threads=1)
        whole = reader.get_batch(list(frames)).asnumpy()
        index = (box.left, box.top, box.left + box.width, box.top + box.height)
        squares: list[Any] = [
            Image.fromarray(picture).crop(index).resize((size, size), Image.Resampling.BILINEAR)
            for picture in whole
        ]
        return _channels_second([np.asarray(square) for square in squares])

    return load


PEERS: Final[dict[str, Callable[[], Load]]] = {
    "torchcodec": _torchcodec,
    "pyav": _pyav,
    "decord": _decord,
}
"""Loaders by the name that `--against` takes; each imports its library."""


def _channels_second(pictures: list[np.ndarray]) -> UInt8[Tensor, "t c h w"]:
    return rearrange(torch.from_numpy(np.stack(pictures)), "t h w c -> t c h w")
