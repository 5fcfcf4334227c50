"""Means of values of clips and of their differences, with intervals by bootstrap over groups.

All means of one call share their resamples, so that a call costs little more than one interval. A
value may be any sum of outcomes of one clip under several conditions: the difference of two
accuracies, paired by clip, or a Shapley value.

Shape letters: n clips, g groups, k means, r resamples.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from avme.evaluation.intervals import LEVEL, RESAMPLES, SEED, Groups, percentiles, wilson

_BLOCK_CELLS = 1_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean over clips, with its interval."""

    mean: float
    low: float
    high: float
    n: int
    """Number of clips."""

    def within(self, lowest: float, highest: float = 1.0) -> "Estimate":
        """Return the estimate with its interval limited to possible values."""
        return replace(self, low=max(self.low, lowest), high=min(self.high, highest))

    def as_record(self) -> dict[str, Any]:
        """Return the estimate as JSON."""
        return {"mean": self.mean, "interval": [self.low, self.high], "n": self.n}


def estimate_means(
    values: Mapping[str, np.ndarray],
    groups: Groups,
    among: Bool[np.ndarray, " n"],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Estimate]:
    """Return the mean of each value over some clips, with its interval.

    Where all clips have the same value no resample differs. The interval then extends by Wilson's
    limit for an outcome that was never observed in as many independent observations as there are
    groups.

    Args:
        values: For each name one number per clip.
        groups: Groups of all clips.
        among: Clips that count.
        level: Coverage of the intervals.
        resamples: Number of draws.
        seed: Seed of the draws.

    Raises:
        ValueError: No clip counts.
    """
    if not among.any():
        raise ValueError("a mean needs at least one clip")
    _, index = np.unique(groups.index[among], return_inverse=True)
    size = np.bincount(index).astype(np.float64)
    chosen = np.stack([np.asarray(each, np.float64)[among] for each in values.values()], axis=1)
    total = np.zeros((len(size), chosen.shape[1]))
    np.add.at(total, index, chosen)
    drawn = np.concatenate(list(_resample_means(total, size, resamples, seed)))
    found = {}
    for column, name in enumerate(values):
        mean = float(chosen[:, column].mean())
        low, high = percentiles(drawn[:, column], level)
        if np.ptp(chosen[:, column]) == 0.0:
            unseen = wilson(0.0, len(size), level)[1]
            low, high = mean - unseen, mean + unseen
        found[name] = Estimate(mean, low, high, len(index))
    return found


def _resample_means(
    total: Float64[np.ndarray, "g k"], size: Float64[np.ndarray, " g"], resamples: int, seed: int
) -> Iterator[Float64[np.ndarray, "b k"]]:
    """Yield blocks of resampled means. Shape letter: b resamples of a block."""
    draw, groups = np.random.default_rng(seed), len(size)
    shares = np.full(groups, 1.0 / groups)
    for begin in range(0, resamples, rows := max(1, _BLOCK_CELLS // groups)):
        times: Int64[np.ndarray, "b g"] = draw.multinomial(
            groups, shares, size=min(rows, resamples - begin)
        )
        yield (times @ total) / (times @ size)[:, None]
