"""Intervals cover the truth where clips of a group are alike, and agree with closed forms."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from avme.evaluation.intervals import Groups, resample_ratio


def simulate(draw: np.random.Generator, groups: int, size: int) -> np.ndarray:
    """Groups with accuracies from Beta(4, 1), mean 0.8: clips of a group are correlated by 1/6."""
    accuracy = np.repeat(draw.beta(4.0, 1.0, groups), size)
    return draw.random(groups * size) < accuracy


@pytest.mark.slow
def test_interval_of_correlated_groups_covers_the_truth_and_that_of_clips_does_not() -> None:
    draw = np.random.default_rng(0)
    names = [f"g{n // 10}" for n in range(800)]
    by_group, by_clip = Groups(names), Groups([str(n) for n in range(len(names))])
    covered, naive = 0, 0
    for _ in range(200):
        correct = simulate(draw, 80, 10)
        found = by_group.interval(correct, resamples=1_000)
        covered += found.low <= 0.8 <= found.high
        plain = by_clip.interval(correct, resamples=1_000)
        naive += plain.low <= 0.8 <= plain.high

    assert 0.91 <= covered / 200 <= 0.98
    assert naive / 200 < 0.86


def test_interval_of_independent_clips_is_the_normal_one() -> None:
    correct = np.arange(2_000) % 10 != 0
    found = Groups([str(n) for n in range(2_000)]).interval(correct)

    half = norm.ppf(0.975) * np.sqrt(0.9 * 0.1 / 2_000)
    assert found.low == pytest.approx(0.9 - half, abs=1e-3)
    assert found.high == pytest.approx(0.9 + half, abs=1e-3)
    assert found.design_effect == pytest.approx(1.0, abs=1e-2)


def test_design_effect_of_groups_that_are_all_right_or_all_wrong_is_their_size() -> None:
    correct = np.repeat(np.arange(100) % 4 != 0, 5)

    found = Groups([f"g{n // 5}" for n in range(500)]).interval(correct)

    assert found.design_effect == pytest.approx(5.0, rel=0.02)


def test_design_effect_of_simulated_groups_is_that_of_their_correlation() -> None:
    """Kish: 1 + (size - 1) * correlation; Beta(4, 1) has the correlation 1 / (4 + 1 + 1)."""
    draw = np.random.default_rng(1)
    groups = Groups([f"g{n // 10}" for n in range(40_000)])

    found = groups.interval(simulate(draw, 4_000, 10), resamples=10)

    assert found.design_effect == pytest.approx(1 + 9 / 6, rel=0.05)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_interval_without_variation_is_wilsons_of_as_many_groups(share: float) -> None:
    correct = np.full(60, bool(share))

    found = Groups([f"g{n % 20}" for n in range(60)]).interval(correct)

    z2 = norm.ppf(0.975) ** 2
    rest = z2 / (20 + z2)
    assert (found.low, found.high) == pytest.approx((1 - rest, 1.0) if share else (0.0, rest))
    assert np.isnan(found.design_effect)


def test_interval_of_a_subset_is_that_of_its_clips_alone() -> None:
    draw = np.random.default_rng(2)
    names, correct = [f"g{n % 30}" for n in range(300)], draw.random(300) < 0.7
    among = np.arange(300) % 3 == 0

    part = Groups(names).interval(correct, among)

    kept = [name for name, one in zip(names, among, strict=True) if one]
    assert part == Groups(kept).interval(correct[among])


def test_resample_ratio_is_the_same_for_the_same_seed_alone() -> None:
    total, size = np.arange(1.0, 41.0), np.full(40, 50.0)

    first = resample_ratio(total, size, 100, seed=3)

    assert np.array_equal(first, resample_ratio(total, size, 100, seed=3))
    assert not np.array_equal(first, resample_ratio(total, size, 100, seed=4))


def test_interval_of_single_clips_has_the_quantiles_of_the_binomial() -> None:
    """Drawing clips with replacement draws their number of correct ones from a binomial."""
    correct = np.arange(500) < 430

    found = Groups([str(n) for n in range(500)]).interval(correct)

    expected = binom.ppf([0.025, 0.975], 500, 0.86) / 500
    assert (found.low, found.high) == pytest.approx(expected, abs=1 / 500)


def test_interval_without_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        Groups(["a", "b"]).interval(np.array([True, False]), np.zeros(2, bool))


@pytest.mark.parametrize(
    ("names", "unit", "count"), [(["a", "b", "c"], "clip", 3), (["a", "b", "a"], "group", 2)]
)
def test_unit_is_the_clip_where_no_two_share_a_group(
    names: list[str], unit: str, count: int
) -> None:
    groups = Groups(names)

    assert (groups.unit, groups.count) == (unit, count)


def test_resample_ratio_in_blocks_has_the_mean_and_spread_of_the_formula() -> None:
    draw = np.random.default_rng(5)
    size = draw.integers(1, 9, 3_000).astype(np.float64)
    total = np.round(size * draw.random(3_000))

    drawn = resample_ratio(total, size, 2_000, seed=0)

    ratio = total.sum() / size.sum()
    spread = np.sqrt(((total - ratio * size) ** 2).sum()) / size.sum()
    assert drawn.shape == (2_000,)
    assert drawn.mean() == pytest.approx(ratio, abs=3 * spread / np.sqrt(2_000))
    assert drawn.std() == pytest.approx(spread, rel=0.06)
