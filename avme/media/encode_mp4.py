"""Encoding of frames and audio into the streams of an open container.

Shape letters: h and w pixels, c colors, n samples.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

import numpy as np
from jaxtyping import Int16, UInt8

from avme.audio.mfcc import SAMPLE_RATE_HZ

_CHUNK: Final = 1024
"""Samples of a frame of AAC."""


def encode_frames(
    container: Any, stream: Any, frames: Iterable[UInt8[np.ndarray, "h w c"]], rate: Fraction
) -> None:
    """Encode RGB frames at a constant rate, and end the stream.

    Args:
        container: Container of PyAV, open for writing.
        stream: Video stream of the container.
        frames: Frames of one size; PyAV scales them to that of the stream.
        rate: Frames per second.
    """
    import av

    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts, picture.time_base = index, 1 / rate
        container.mux(stream.encode(picture))
    container.mux(stream.encode(None))


def encode_samples(container: Any, stream: Any, samples: Int16[np.ndarray, " n"]) -> None:
    """Encode mono samples of 16 kHz, and end the stream.

    Args:
        container: Container of PyAV, open for writing.
        stream: Audio stream of the container.
        samples: Samples.
    """
    import av

    for begin in range(0, len(samples), _CHUNK):
        part = np.ascontiguousarray(samples[None, begin : begin + _CHUNK])
        chunk = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        chunk.sample_rate, chunk.pts = SAMPLE_RATE_HZ, begin
        chunk.time_base = Fraction(1, SAMPLE_RATE_HZ)
        container.mux(stream.encode(chunk))
    container.mux(stream.encode(None))
