"""H.264 compression of a window with x264, in this process.

This module alone imports PyAV; it is imported when the kind is applied.

Shape letters: t frames, h and w pixels, c colors.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from jaxtyping import UInt8

from avme.errors import SystemRequirementError

_MIN_SIDE: Final = 16
# The result depends on threads; with x264's macroblock tree about 1 of 200 encodings of the same
# frames has other bytes (findings/x264_mbtree_not_repeatable.sh).
_OPTIONS: Final = {"preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
_FPS: Final = 25


def h264(frames: UInt8[np.ndarray, "t h w c"], crf: float) -> UInt8[np.ndarray, "t h w c"]:
    """Encode frames as one video and decode it: the same frames in the same order.

    Colors have half the resolution (4:2:0), as in videos of cameras and of the web. Sides are
    continued to even numbers of at least 16 pixels and cut again.

    Args:
        frames: RGB frames in order of time.
        crf: Constant rate factor; the step of the quantizer doubles every 6.

    Raises:
        SystemRequirementError: PyAV lacks libx264, or returns another number of frames.
    """
    height, width = frames.shape[1:3]
    sides = [(0, max(side + side % 2, _MIN_SIDE) - side) for side in (height, width)]
    padded = np.pad(frames, ((0, 0), *sides, (0, 0)), mode="edge")
    decoded = [frame[:height, :width] for frame in _decode(_encode(padded, crf))]
    if len(decoded) != len(frames):
        raise SystemRequirementError(
            f"PyAV {av.__version__}: H.264 of {len(frames)} frames decodes to {len(decoded)}:"
            " install another version"
        )
    return np.stack(decoded)


def _encode(
    frames: UInt8[np.ndarray, "t h w c"], crf: float
) -> Iterator["av.Packet[av.VideoStream]"]:
    try:
        encoder = av.VideoCodecContext.create("libx264", "w")
    except ValueError as error:
        raise SystemRequirementError(
            f"PyAV {av.__version__}: libx264 is missing: install the wheel of av from PyPI"
        ) from error
    encoder.height, encoder.width = frames.shape[1:3]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, _FPS), Fraction(_FPS)
    encoder.options = _OPTIONS | {"crf": f"{crf:g}"}
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p")
        picture.pts = index
        yield from encoder.encode(picture)
    yield from encoder.encode(None)


def _decode(packets: Iterator["av.Packet[av.VideoStream]"]) -> Iterator[UInt8[np.ndarray, "h w c"]]:
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    for packet in packets:
        yield from (frame.to_ndarray(format="rgb24") for frame in decoder.decode(packet))
    yield from (frame.to_ndarray(format="rgb24") for frame in decoder.decode(None))
