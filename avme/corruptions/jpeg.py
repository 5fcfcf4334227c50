"""JPEG compression to a PSNR.

Shape letters: t frames, h and w pixels, c colors.
"""

from typing import Final

import numpy as np
import simplejpeg
from jaxtyping import UInt8

from avme.corruptions.psnr import psnr_db as measure_psnr_db

_MOST_QUALITY: Final = 100
_LEAST_QUALITY: Final = 2
"""Quality 1 has nearly the same quantization, as all its steps are limited to 255."""
_LEAST_QUALITY_DB: Final = 23.0
_DB_PER_OCTAVE: Final = 3.6


def jpeg(frames: UInt8[np.ndarray, "t h w c"], psnr_db: float) -> UInt8[np.ndarray, "t h w c"]:
    """Compress all frames with one quality: the lowest whose PSNR is not below the target.

    The quality is at least `min_quality`, as no quality reaches the target on smooth frames. Colors
    have full resolution (4:4:4), so that the quality alone decides.

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
    return compress_jpeg(frames, low)


def min_quality(psnr_db: float) -> int:
    """Return the lowest quality for a target: 2 at 23 dB, twice as much every 3.6 dB.

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
