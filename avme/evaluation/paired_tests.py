"""Tests of the difference between two classifiers on the same clips.

Shape letters: n clips, g groups.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from scipy.stats import binomtest

from avme.evaluation.intervals import (
    LEVEL,
    RESAMPLES,
    SEED,
    Groups,
    percentiles,
    resample_ratio,
    wilson,
)

_BLOCK_CELLS = 1_000_000


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Difference of two accuracies, second less first, on the same clips."""

    difference: float
    low: float
    high: float
    p_value: float
    """Two-sided sign-flip test over groups, (count + 1) / (draws + 1)."""
    only_first: int
    """Clips that only the first has right."""
    only_second: int
    mcnemar_p: float
    """Exact McNemar test over clips, which takes them as independent."""


def compare_correct(
    first: Bool[np.ndarray, " n"],
    second: Bool[np.ndarray, " n"],
    groups: Groups,
    *,
    draws: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> PairedDifference:
    """Compare two classifiers by the clips that they have right.

    Where all clips have the same change no resample differs. The interval then extends by Wilson's
    limit for an outcome that was never observed in as many independent observations as there are
    groups.

    Args:
        first: Clips that the first has right.
        second: Clips that the second has right.
        groups: Groups of the clips.
        draws: Resamples of the interval, and sign flips of the test.
        level: Coverage of the interval.
        seed: Seed of both.

    Raises:
        ValueError: There is no clip.
    """
    if not len(first):
        raise ValueError("a comparison needs at least one clip")
    change = second.astype(np.float64) - first.astype(np.float64)
    total = np.bincount(groups.index, weights=change, minlength=groups.count)
    size = np.bincount(groups.index, minlength=groups.count).astype(np.float64)
    low, high = percentiles(resample_ratio(total, size, draws, seed), level)
    if np.ptp(change) == 0.0:
        unseen = wilson(0.0, groups.count, level)[1]
        low, high = max(-1.0, low - unseen), min(1.0, high + unseen)
    only_first, only_second = int((change < 0).sum()), int((change > 0).sum())
    return PairedDifference(
        difference=float(change.mean()),
        low=low,
        high=high,
        p_value=sign_flip_p(total, draws=draws, seed=seed),
        only_first=only_first,
        only_second=only_second,
        mcnemar_p=mcnemar_p(only_first, only_second),
    )


def sign_flip_p(
    total: Float64[np.ndarray, " g"], *, draws: int = RESAMPLES, seed: int = SEED
) -> float:
    """Return the p value of the hypothesis that each group's change is as likely negated.

    Args:
        total: Sum of changes in each group.
        draws: Number of random sign patterns.
        seed: Their seed.
    """
    total = total[total != 0.0]
    if not len(total):
        return 1.0
    draw, found = np.random.default_rng(seed), abs(total.sum())
    as_large = 0
    for begin in range(0, draws, rows := max(1, _BLOCK_CELLS // len(total))):
        signs = draw.integers(0, 2, size=(min(rows, draws - begin), len(total))) * 2 - 1
        as_large += int((abs(signs @ total) >= found - 1e-9).sum())
    return (as_large + 1) / (draws + 1)


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p value of McNemar's test; 1 without a discordant clip."""
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
