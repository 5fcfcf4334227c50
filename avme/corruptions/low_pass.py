"""Low-pass filter without delay.

Shape letters: n samples.
"""

from typing import Final

import numpy as np
from jaxtyping import Int16
from scipy.fft import dct, idct

_SAMPLE_RATE_HZ: Final = 16_000
_ORDER: Final = 8
_LOWEST, _HIGHEST = -32_768, 32_767


def low_pass(samples: Int16[np.ndarray, " n"], cutoff_hz: float) -> Int16[np.ndarray, " n"]:
    """Filter with the magnitude of a Butterworth filter of order 8 and no phase.

    The gain 1 / sqrt(1 + (f / cutoff)^16), -3 dB at the cut-off, is applied to the cosine
    transform, which continues the samples by reflection: events keep their time, and any length
    can be filtered. A lower cut-off lowers the gain of every frequency.

    Args:
        samples: Mono samples at 16 kHz.
        cutoff_hz: Cut-off frequency.
    """
    if len(samples) == 0:
        return samples.copy()
    frequencies_hz = np.arange(len(samples)) * (_SAMPLE_RATE_HZ / 2 / len(samples))
    gain = 1 / np.sqrt(1 + (frequencies_hz / cutoff_hz) ** (2 * _ORDER))
    filtered = idct(dct(samples.astype(np.float64), norm="ortho") * gain, norm="ortho")
    return np.asarray(np.rint(np.clip(filtered, _LOWEST, _HIGHEST)), dtype=np.int16)
