"""Gaussian, shot and impulse noise that reaches a PSNR.

One pattern per clip is scaled for all severities, so that no value comes nearer to the clean one at
a higher severity.

Shape letters: t frames, h and w pixels, c colors.
"""

from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from avme.corruptions.psnr import reach_psnr

_DEVIATIONS: Final = (0.1, 1e5)
"""Range of standard deviations in gray levels."""
_FRACTIONS: Final = (1e-7, 1.0)


def gaussian_noise(
    frames: UInt8[np.ndarray, "t h w c"], psnr_db: float, draw: np.random.Generator
) -> UInt8[np.ndarray, "t h w c"]:
    """Add white Gaussian noise.

    Args:
        frames: RGB frames.
        psnr_db: PSNR to reach, after rounding and limiting to 0 to 255.
        draw: Random generator of the clip.
    """
    pattern = draw.standard_normal(frames.shape, dtype=np.float32)
    return _scale_to(frames, pattern, psnr_db)


def shot_noise(
    frames: UInt8[np.ndarray, "t h w c"], psnr_db: float, draw: np.random.Generator
) -> UInt8[np.ndarray, "t h w c"]:
    """Add noise whose variance is proportional to the brightness, and zero in black.

    This is the normal approximation of the Poisson distribution of photons, with one pattern for
    all numbers of photons. Black frames stay as they are.

    Args:
        frames: RGB frames.
        psnr_db: PSNR to reach, after rounding and limiting to 0 to 255.
        draw: Random generator of the clip.
    """
    pattern = draw.standard_normal(frames.shape, dtype=np.float32)
    pattern *= np.sqrt(frames / np.float32(255))
    return _scale_to(frames, pattern, psnr_db)


def impulse_noise(
    frames: UInt8[np.ndarray, "t h w c"], psnr_db: float, draw: np.random.Generator
) -> UInt8[np.ndarray, "t h w c"]:
    """Replace random pixels with black or white ("salt and pepper").

    The pixels of a severity are among those of the next one.

    Args:
        frames: RGB frames.
        psnr_db: PSNR to reach.
        draw: Random generator of the clip.
    """
    order = draw.random((*frames.shape[:3], 1), dtype=np.float32)
    values = np.uint8(255) * draw.integers(0, 2, order.shape, dtype=np.uint8)

    def degrade(fraction: float) -> UInt8[np.ndarray, "t h w c"]:
        return np.where(order < np.float32(fraction), values, frames)

    return reach_psnr(frames, psnr_db, degrade, _FRACTIONS)


def _scale_to(
    frames: UInt8[np.ndarray, "t h w c"], pattern: Float32[np.ndarray, "t h w c"], psnr_db: float
) -> UInt8[np.ndarray, "t h w c"]:
    if not pattern.any():
        return frames.copy()

    def degrade(deviation: float) -> UInt8[np.ndarray, "t h w c"]:
        noisy = np.empty_like(frames)
        for frame, noise, target in zip(frames, pattern, noisy, strict=True):
            target[:] = np.rint(np.clip(frame + np.float32(deviation) * noise, 0, 255))
        return noisy

    return reach_psnr(frames, psnr_db, degrade, _DEVIATIONS)
