"""Small MP4 of a prepared clip with its audio, from the frames and samples in a shard."""

import io
from fractions import Fraction
from typing import Any, Final

import numpy as np
from jaxtyping import Int16

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.media.encode_mp4 import encode_frames, encode_samples
from avme.shards.dataset import ClipEntry
from avme.shards.jpeg import decode
from avme.shards.reader import ShardReader

_SIDE: Final = 112
"""Pixels of the shorter side, at most."""
_SECONDS: Final = 4.0
"""Longest part that is shown, from the start of the clip."""
_FPS: Final = 12.5
_OPTIONS: Final = {"preset": "veryfast", "crf": "30", "threads": "1", "x264-params": "mbtree=0"}


def encode_clip(reader: ShardReader, entry: ClipEntry) -> bytes:
    """Return the start of a clip as an MP4 (H.264, AAC).

    Args:
        reader: Shard of the clip.
        entry: Clip.

    Raises:
        AvmeError: The shard is damaged.
        OSError, ValueError: A clip in it is.
    """
    import av

    pts = reader.pts(entry.row)
    seconds = min(float(pts[-1]) + reader.last_seconds(entry.row), _SECONDS)
    times = np.arange(max(1, round(seconds * _FPS))) / _FPS
    shown = np.clip(np.searchsorted(pts, times + 1e-6, side="right") - 1, 0, None).tolist()
    factor = next((f for f in (8, 4, 2) if min(entry.height, entry.width) >= f * _SIDE), 1)
    files = reader.frames(entry.row, shown)
    frames = decode(files, height=entry.height, width=entry.width, factor=factor)
    height, width = frames.shape[1:3]
    scale = min(1.0, _SIDE / min(height, width))
    target = io.BytesIO()
    with av.open(target, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video: Any = container.add_stream("libx264", rate=Fraction(25, 2), options=_OPTIONS)
        video.width, video.height = (
            max(2, round(scale * side / 2) * 2) for side in (width, height)
        )
        video.pix_fmt = "yuv420p"
        samples = _samples(reader, entry, seconds)
        audio: Any = None
        if samples is not None:
            audio = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono")
            audio.bit_rate = 32_000
        encode_frames(container, video, frames, Fraction(25, 2))
        if samples is not None:
            encode_samples(container, audio, samples)
    return target.getvalue()


def _samples(
    reader: ShardReader, entry: ClipEntry, seconds: float
) -> Int16[np.ndarray, " n"] | None:
    """Return the samples of the shown part, zero where there is no audio; None without any."""
    stored, start = reader.pcm(entry.row)
    if not len(stored):
        return None
    samples = np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.int16)
    offset = round(start * SAMPLE_RATE_HZ)
    first, last = max(offset, 0), min(offset + len(stored), len(samples))
    if first < last:
        samples[first:last] = stored[first - offset : last - offset]
    return samples
