"""MFCC mean and deviation over the clips of a train list, one clip at a time.

Sums are added in id order, so that results are bit-identical whenever they are computed again.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avme.shards.contents import StoredClip

_SMALLEST_DEVIATION = 1e-3


class MfccSums:
    """Running sums over clips."""

    def __init__(self) -> None:
        self._num_rows = 0
        self._sum: NDArray[np.float64] = np.zeros(0)
        self._square: NDArray[np.float64] = np.zeros(0)

    def add(self, clip: StoredClip, *, is_trained: bool) -> None:
        """Add a clip; if it is not trained on, only its number of coefficients counts."""
        if len(self._sum) == 0:
            self._sum, self._square = (np.zeros(len(clip.mfcc_sum)) for _ in range(2))
        if is_trained and clip.num_rows > 0:
            self._num_rows += clip.num_rows
            self._sum += clip.mfcc_sum
            self._square += clip.mfcc_square

    def statistics(self) -> dict[str, Any]:
        """Return the statistics of rows with audio; mean 0 and deviation 1 without any."""
        mean, deviation = np.zeros(len(self._sum)), np.ones(len(self._sum))
        if self._num_rows:
            mean = self._sum / self._num_rows
            spread = np.sqrt(np.maximum(self._square / self._num_rows - mean**2, 0.0))
            deviation = np.where(spread < _SMALLEST_DEVIATION, 1.0, spread)
        return {
            "mfcc_rows": self._num_rows,
            "mfcc_mean": [float(value) for value in mean],
            "mfcc_deviation": [float(value) for value in deviation],
        }
