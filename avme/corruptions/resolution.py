"""Low resolution: frames reduced to a fraction of their sides and enlarged again.

Shape letters: t frames, h and w pixels, c colors.
"""

import numpy as np
from jaxtyping import Float64, UInt8
from scipy.fft import dctn, idctn


def low_resolution(
    frames: UInt8[np.ndarray, "t h w c"], kept_fraction: float
) -> UInt8[np.ndarray, "t h w c"]:
    """Average over the area of larger pixels and enlarge bilinearly, both without aliasing.

    Of the cosine transform, as many coefficients remain as the small frame has pixels, with the
    gain of an average over one of them and of a bilinear enlargement. A lower resolution lowers the
    gain of every frequency, which resampling does not: its grids shift against fine structures.

    Args:
        frames: RGB frames.
        kept_fraction: Kept fraction of each side, above 0, at most 1.

    Returns:
        Frames of the same size.
    """
    height, width = (_gains(side, kept_side(side, kept_fraction)) for side in frames.shape[1:3])
    gain = (height[:, None] * width)[..., None].astype(np.float32)
    degraded = np.empty_like(frames)
    for frame, target in zip(frames, degraded, strict=True):
        spectrum = dctn(frame.astype(np.float32), axes=(0, 1), norm="ortho")
        smooth = idctn(spectrum * gain, axes=(0, 1), norm="ortho", overwrite_x=True)
        target[:] = np.rint(np.clip(smooth, 0, 255))
    return degraded


def kept_side(side: int, kept_fraction: float) -> int:
    """Return the number of pixels that remain of a side, at least one."""
    return max(1, round(side * kept_fraction))


def _gains(side: int, kept: int) -> Float64[np.ndarray, " side"]:
    """Return the gain of each coefficient of one axis: sinc(n / 2k)^3, zero from n = k on."""
    index = np.arange(side)
    return np.where(index < kept, np.sinc(index / (2 * kept)) ** 3, 0.0)
