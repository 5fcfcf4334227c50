"""Low resolution: frames reduced to a fraction of their sides and enlarged again.

Shape letters: t frames, h and w pixels, c colors.
"""

import numpy as np
from einops import rearrange
from jaxtyping import Float32, UInt8
from scipy.sparse import csr_array


def low_resolution(
    frames: UInt8[np.ndarray, "t h w c"], kept_fraction: float
) -> UInt8[np.ndarray, "t h w c"]:
    """Average pixels over the area of fewer, larger ones, and enlarge bilinearly.

    Args:
        frames: RGB frames.
        kept_fraction: Kept fraction of each side, above 0, at most 1.

    Returns:
        Frames of the same size.
    """
    height, width = (_resampling(side, kept_fraction) for side in frames.shape[1:3])
    degraded = np.empty_like(frames)
    for frame, target in zip(frames, degraded, strict=True):
        target[:] = np.rint(np.clip(_along_both(frame, height, width), 0, 255))
    return degraded


def kept_side(side: int, kept_fraction: float) -> int:
    """Return the number of pixels that remain of a side, at least one."""
    return max(1, round(side * kept_fraction))


def _along_both(
    frame: UInt8[np.ndarray, "h w c"], height: csr_array, width: csr_array
) -> Float32[np.ndarray, "h w c"]:
    h, w, c = frame.shape
    rows = height @ frame.reshape(h, w * c).astype(np.float32)
    columns = width @ rearrange(rows, "h (w c) -> w (h c)", c=c)
    return np.asarray(rearrange(columns, "w (h c) -> h w c", c=c))


def _resampling(side: int, kept_fraction: float) -> csr_array:
    """Return the matrix (side x side) that reduces and enlarges one axis; its rows sum to 1."""
    kept = kept_side(side, kept_fraction)
    edges = np.arange(kept + 1) * (side / kept)
    pixels = np.arange(side)
    cover = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    reduce = np.clip(cover, 0, 1) * (kept / side)
    centers = np.clip((pixels + 0.5) * (kept / side) - 0.5, 0, kept - 1)
    enlarge = np.clip(1 - np.abs(centers[:, None] - np.arange(kept)), 0, 1)
    return csr_array((enlarge @ reduce).astype(np.float32))
