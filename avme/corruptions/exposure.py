"""Brightness and contrast.

Shape letters: t frames, h and w pixels, c colors.
"""

import numpy as np
from jaxtyping import UInt8


def brightness(
    frames: UInt8[np.ndarray, "t h w c"], offset_fraction: float
) -> UInt8[np.ndarray, "t h w c"]:
    """Brighten all values by an offset; what exceeds white is lost.

    Args:
        frames: RGB frames.
        offset_fraction: Offset as a fraction of full scale (255).
    """
    offset = np.uint8(round(255 * offset_fraction))
    return np.asarray(np.minimum(frames, np.uint8(255) - offset) + offset)


def contrast(
    frames: UInt8[np.ndarray, "t h w c"], kept_fraction: float
) -> UInt8[np.ndarray, "t h w c"]:
    """Move all values towards the mean of the window.

    Args:
        frames: RGB frames.
        kept_fraction: Kept fraction of the distance from the mean.
    """
    mean = frames.mean(dtype=np.float64)
    values = mean + kept_fraction * (np.arange(256) - mean)
    return np.asarray(np.rint(values).astype(np.uint8)[frames])
