"""JPEG compression to a PSNR.

Shape letters: t frames, h and w pixels, c colors.
"""

from typing import Final

import numpy as np
import simplejpeg
from jaxtyping import UInt8

from avme.corruptions.kinds import KINDS
from avme.corruptions.psnr import psnr_db as measure_psnr_db

_MOST_QUALITY: Final = 100
_LEAST_QUALITY: Final = 3
"""Below it libjpeg limits most steps of the quantizer to 255, so that little changes."""
_LEAST_QUALITY_DB: Final = 24.0
_DB_PER_OCTAVE: Final = 4.0
_REACHED_DB: Final = 2.0
"""Excess over a target, below the distance of two levels, up to which it counts as reached."""


def jpeg(frames: UInt8[np.ndarray, "t h w c"], psnr_db: float) -> UInt8[np.ndarray, "t h w c"]:
    """Compress all frames with one quality: the lowest whose PSNR is not below the target.

    The quality is at least `min_quality`, as no quality reaches the target on smooth frames. Where
    the next milder level is worse by the chance of rounding, its frames are returned. Colors have
    full resolution (4:4:4), so that the quality alone decides.

    Args:
        frames: RGB frames.
        psnr_db: PSNR to reach over all frames.
    """
    low, high = min_quality(psnr_db), _MOST_QUALITY
    while low < high:
        middle = (low + high) // 2
        if measure_psnr_db(frames, compress_jpeg(frames, middle)) >= psnr_db:
            high = middle
        else:
            low = middle + 1
    degraded = compress_jpeg(frames, low)
    found = measure_psnr_db(frames, degraded)
    milder = [level for level in KINDS["jpeg"].levels if level > psnr_db]
    if milder and found > psnr_db + _REACHED_DB:
        other = jpeg(frames, min(milder))
        return other if measure_psnr_db(frames, other) < found else degraded
    return degraded


def min_quality(psnr_db: float) -> int:
    """Return the lowest quality for a target: 3 at 24 dB, twice as much every 4 dB.

    Severities thereby remain different where frames are too smooth to reach their targets.
    """
    doublings = (psnr_db - _LEAST_QUALITY_DB) / _DB_PER_OCTAVE
    return min(_MOST_QUALITY, max(_LEAST_QUALITY, round(_LEAST_QUALITY * 2**doublings)))


def compress_jpeg(
    frames: UInt8[np.ndarray, "t h w c"], quality: int
) -> UInt8[np.ndarray, "t h w c"]:
    """Encode and decode every frame with libjpeg's quality of 1 to 100."""
    degraded = np.empty_like(frames)
    for frame, target in zip(np.ascontiguousarray(frames), degraded, strict=True):
        file = simplejpeg.encode_jpeg(frame, quality, "RGB", "444")
        target[:] = simplejpeg.decode_jpeg(file, "RGB")
    return degraded
