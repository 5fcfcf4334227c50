"""Peak signal-to-noise ratio of frames, and the strength of a degradation that reaches a PSNR.

Shape letters: t frames, h and w pixels, c colors.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from jaxtyping import UInt8
from scipy.optimize import brentq

_TOLERANCE_DB: Final = 0.02
_MOST_DB: Final = 120.0
"""Replaces the infinite PSNR of equal frames in the search."""


def psnr_db(clean: UInt8[np.ndarray, "t h w c"], degraded: UInt8[np.ndarray, "t h w c"]) -> float:
    """Return 10 log10(255^2 / MSE) over all frames together; infinite if they are equal."""
    pairs = zip(clean, degraded, strict=True)
    squares = sum(int(np.square(a.astype(np.int32) - b).sum()) for a, b in pairs)
    return 10 * float(np.log10(255**2 * clean.size / squares)) if squares else float("inf")


def reach_psnr(
    clean: UInt8[np.ndarray, "t h w c"],
    target_db: float,
    degrade: Callable[[float], UInt8[np.ndarray, "t h w c"]],
    strengths: tuple[float, float],
) -> UInt8[np.ndarray, "t h w c"]:
    """Degrade frames with the strength that reaches a PSNR to 0.02 dB, by Brent's method.

    If no strength does, the nearest end of the range is used. Frames of few values, whose PSNR has
    steps, come as near as the steps allow.

    Args:
        clean: Frames.
        target_db: PSNR to reach.
        degrade: Function from a strength to degraded frames, whose PSNR falls with the strength.
        strengths: Weakest and strongest strength, both above zero.

    Returns:
        Degraded frames.
    """

    def excess(log_strength: float) -> float:
        found = min(psnr_db(clean, degrade(float(np.exp(log_strength)))), _MOST_DB) - target_db
        return 0.0 if abs(found) < _TOLERANCE_DB else found

    low, high = (float(np.log(strength)) for strength in strengths)
    if excess(high) >= 0:
        return degrade(strengths[1])
    if excess(low) <= 0:
        return degrade(strengths[0])
    return degrade(float(np.exp(brentq(excess, low, high, xtol=1e-6))))
