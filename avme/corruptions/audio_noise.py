"""White noise at a measured signal-to-noise ratio.

Shape letters: n samples.
"""

from typing import Final

import numpy as np
from jaxtyping import Int16
from scipy.optimize import brentq

_TOLERANCE_DB: Final = 0.01
_FULL_SCALE: Final = 32_768
_SEARCH_DB: Final = 40.0


def audio_noise(
    samples: Int16[np.ndarray, " n"], snr_db: float, draw: np.random.Generator
) -> Int16[np.ndarray, " n"]:
    """Add white Gaussian noise at an SNR that holds after rounding and limiting to 16 bits.

    One pattern per clip is scaled for all ratios. Digital silence has no power to compare with, and
    stays.

    Args:
        samples: Mono samples.
        snr_db: Power of the samples, without their mean, over the power of what is added, in dB.
        draw: Random generator of the clip.
    """
    power = float(np.var(samples, dtype=np.float64)) if len(samples) else 0.0
    if power == 0:
        return samples.copy()
    pattern = draw.standard_normal(len(samples))
    expected = 0.5 * float(np.log10(power)) - snr_db / 20

    def add(log_deviation: float) -> Int16[np.ndarray, " n"]:
        noisy = np.rint(samples + 10**log_deviation * pattern)
        return np.clip(noisy, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)

    def excess(log_deviation: float) -> float:
        found = snr_of(samples, add(log_deviation)) - snr_db
        return 0.0 if abs(found) < _TOLERANCE_DB else min(found, 2 * _SEARCH_DB)

    low, high = expected - _SEARCH_DB / 20, expected + _SEARCH_DB / 20
    if excess(high) >= 0:  # samples at full scale leave no room for noise of one sign
        return add(high)
    if excess(low) <= 0:
        return add(low)
    return add(brentq(excess, low, high, xtol=1e-6))


def snr_of(clean: Int16[np.ndarray, " n"], degraded: Int16[np.ndarray, " n"]) -> float:
    """Return the power of samples over that of their change in dB; infinite without a change.

    Means are removed from the samples, not from the change.
    """
    change = float(np.mean(np.square(degraded.astype(np.float64) - clean)))
    power = float(np.var(clean, dtype=np.float64))
    if change == 0:
        return float("inf")
    return 10 * float(np.log10(power / change)) if power else float("-inf")
