"""Confidence intervals of accuracies, by bootstrap over groups.

Clips of a group show one scene and are right or wrong together: an interval that takes them as
independent is too short. The bootstrap draws whole groups (Field & Welsh 2007, "Bootstrapping
clustered data"), with clips as groups where a dataset has none.

Shape letters: n clips, g groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.stats import norm

RESAMPLES = 10_000
SEED = 0
LEVEL = 0.95
_BLOCK_CELLS = 1_000_000
"""Drawn group counts in memory at a time."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Interval of one accuracy."""

    low: float
    high: float
    design_effect: float
    """Variance of the accuracy over that of as many independent clips; nan if all are alike."""


class Groups:
    """Groups of a list of clips, for intervals of any subset of it."""

    def __init__(self, group: Sequence[str]) -> None:
        names = np.asarray(group, dtype=np.str_)
        _, index = np.unique(names, return_inverse=True)
        self.index: Int64[np.ndarray, " n"] = index.astype(np.int64)
        self.count = int(index.max()) + 1 if len(index) else 0

    @property
    def unit(self) -> str:
        """Unit that is resampled: `group`, or `clip` if no two clips share a group."""
        return "clip" if self.count == len(self.index) else "group"

    def interval(
        self,
        correct: Bool[np.ndarray, " n"],
        among: Bool[np.ndarray, " n"] | None = None,
        *,
        resamples: int = RESAMPLES,
        level: float = LEVEL,
        seed: int = SEED,
    ) -> Interval:
        """Return the percentile interval of the share of correct clips.

        If all clips are right, or all wrong, no resample differs: the interval is then Wilson's for
        as many independent observations as there are groups.

        Args:
            correct: Whether each clip is right.
            among: Clips that count; None for all.
            resamples: Number of draws.
            level: Coverage.
            seed: Seed of the draws.

        Raises:
            ValueError: No clip counts.
        """
        counted = np.ones(len(self.index), bool) if among is None else among
        if not counted.any():
            raise ValueError("an interval needs at least one clip")
        _, index = np.unique(self.index[counted], return_inverse=True)
        right = np.bincount(index, weights=correct[counted].astype(np.float64))
        size = np.bincount(index).astype(np.float64)
        share = float(right.sum() / size.sum())
        if share in (0.0, 1.0):
            return Interval(*wilson(share, len(size), level), float("nan"))
        drawn = resample_ratio(right, size, resamples, seed)
        return Interval(*percentiles(drawn, level), _design_effect(right, size))

    def describe(self) -> dict[str, Any]:
        """Return what a summary records about the intervals."""
        return {
            "method": "bootstrap, percentiles",
            "unit": self.unit,
            "groups": self.count,
            "resamples": RESAMPLES,
            "seed": SEED,
            "level": LEVEL,
        }


def resample_ratio(
    total: Float64[np.ndarray, " g"], size: Float64[np.ndarray, " g"], resamples: int, seed: int
) -> Float64[np.ndarray, " r"]:
    """Return the sum of `total` over that of `size` for each resample of the groups.

    Shape letters: r resamples.

    Args:
        total: Sum over the clips of each group.
        size: Clips of each group.
        resamples: Number of draws.
        seed: Their seed.
    """
    draw = np.random.default_rng(seed)
    groups = len(size)
    if size.max() == 1.0 and np.isin(total, (0.0, 1.0)).all():  # the same distribution, at once
        return draw.binomial(groups, total.mean(), resamples) / groups
    shares = np.full(groups, 1.0 / groups)
    drawn = []
    for begin in range(0, resamples, rows := max(1, _BLOCK_CELLS // groups)):
        times = draw.multinomial(groups, shares, size=min(rows, resamples - begin))
        drawn.append((times @ total) / (times @ size))
    return np.concatenate(drawn)


def percentiles(drawn: Float64[np.ndarray, " r"], level: float) -> tuple[float, float]:
    """Return the interval that holds the share `level` of the draws, with equal tails."""
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return float(low), float(high)


def _design_effect(right: Float64[np.ndarray, " g"], size: Float64[np.ndarray, " g"]) -> float:
    """Return Kish's design effect: linearized variance of the ratio over the binomial one."""
    groups, clips = len(size), size.sum()
    share = right.sum() / clips
    if groups < 2:
        return float("nan")
    residual = right - share * size
    clustered = groups / (groups - 1) * float(residual @ residual) / clips**2
    return float(clustered / (share * (1.0 - share) / clips))


def wilson(share: float, count: int, level: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share of `count` observations."""
    z2 = float(norm.ppf(0.5 + level / 2.0)) ** 2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
