"""Mean and sample standard deviation of one figure over several runs."""

from collections.abc import Sequence

import numpy as np


def mean_and_deviation(values: Sequence[float]) -> dict[str, float]:
    """Return the mean of two or more values, and their sample standard deviation."""
    return {"mean": float(np.mean(values)), "deviation": float(np.std(values, ddof=1))}
