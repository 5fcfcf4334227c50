"""Dropped frames: the last frame before a gap is repeated.

Shape letters: t frames, h and w pixels, c colors.
"""

import numpy as np
from jaxtyping import Int64, UInt8


def dropped_frames(
    frames: UInt8[np.ndarray, "t h w c"], kept_fraction: float
) -> UInt8[np.ndarray, "t h w c"]:
    """Replace dropped frames by the last one before them.

    Args:
        frames: Frames in order of time.
        kept_fraction: Kept fraction of frames, above 0, at most 1: f fps become f x fraction.
    """
    return np.asarray(frames[shown_frames(len(frames), kept_fraction)])


def shown_frames(num_frames: int, kept_fraction: float) -> Int64[np.ndarray, " t"]:
    """Return the index of the frame that is shown in place of each one.

    Kept frames are evenly spaced and begin with the first one; of 1/2, 1/4, 1/8, ... each set
    contains the next.

    Args:
        num_frames: Number of frames.
        kept_fraction: Kept fraction of frames.
    """
    index = np.arange(num_frames)
    kept = np.diff(np.floor(index * kept_fraction), prepend=-1) > 0
    return np.maximum.accumulate(np.where(kept, index, 0))
