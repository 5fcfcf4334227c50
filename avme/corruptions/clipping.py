"""Clipping: samples limited as by an overdriven microphone.

Shape letters: n samples.
"""

from typing import Final

import numpy as np
from jaxtyping import Int16

_HIGHEST: Final = 32_767


def clipping(samples: Int16[np.ndarray, " n"], fraction: float) -> Int16[np.ndarray, " n"]:
    """Limit the loudest samples.

    Args:
        samples: Mono samples.
        fraction: Fraction of samples that are limited; less if several samples share a magnitude.
    """
    if len(samples) == 0:
        return samples.copy()
    limit = clipping_limit(samples, fraction)
    return np.asarray(np.clip(samples, -limit, min(limit, _HIGHEST)), dtype=np.int16)


def clipping_limit(samples: Int16[np.ndarray, " n"], fraction: float) -> int:
    """Return the smallest magnitude that at most a fraction of the samples exceed, at least 1."""
    magnitudes = np.sort(np.abs(samples.astype(np.int32)))
    return max(1, int(magnitudes[len(samples) - 1 - int(fraction * len(samples))]))
