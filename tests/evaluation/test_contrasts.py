import numpy as np
import pytest

from avme.evaluation.contrasts import Estimate, estimate_means
from avme.evaluation.intervals import Groups, wilson
from avme.evaluation.paired_tests import compare_correct

DRAW = np.random.default_rng(3)
GROUP = [f"g{index}" for index in DRAW.integers(20, size=200)]
GROUPS = Groups(GROUP)
FIRST = DRAW.random(200) < 0.6
SECOND = FIRST ^ (DRAW.random(200) < 0.2)
EVERYONE = np.ones(200, bool)


def test_estimate_means_of_outcomes_are_the_intervals_of_an_accuracy() -> None:
    found = estimate_means({"first": FIRST, "second": SECOND}, GROUPS, EVERYONE)

    for name, correct in (("first", FIRST), ("second", SECOND)):
        expected = GROUPS.interval(correct)
        assert found[name].mean == pytest.approx(correct.mean())
        assert found[name].low == pytest.approx(expected.low)
        assert found[name].high == pytest.approx(expected.high)


def test_estimate_means_of_differences_are_paired_by_clip() -> None:
    difference = SECOND.astype(int) - FIRST.astype(int)

    found = estimate_means({"difference": difference}, GROUPS, EVERYONE)["difference"]

    expected = compare_correct(FIRST, SECOND, GROUPS)
    assert (found.mean, found.low, found.high) == pytest.approx(
        (expected.difference, expected.low, expected.high)
    )


def test_estimate_means_of_some_clips_ignores_the_others() -> None:
    among = np.arange(200) % 2 == 0
    chosen = Groups([name for name, one in zip(GROUP, among, strict=True) if one])

    found = estimate_means({"first": FIRST}, GROUPS, among)["first"]

    expected = chosen.interval(FIRST[among])
    assert found.n == 100
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_estimate_means_of_a_higher_level_are_wider() -> None:
    narrow, wide = (
        estimate_means({"first": FIRST}, GROUPS, EVERYONE, level=level)["first"]
        for level in (0.95, 0.99)
    )

    assert wide.low < narrow.low < narrow.high < wide.high


def test_estimate_means_of_equal_values_are_not_taken_for_certain() -> None:
    found = estimate_means({"zero": np.zeros(200), "one": np.ones(200)}, GROUPS, EVERYONE)

    unseen = wilson(0.0, GROUPS.count, 0.95)[1]
    assert found["zero"] == Estimate(0.0, -unseen, unseen, 200)
    assert found["one"] == Estimate(1.0, 1 - unseen, 1 + unseen, 200)


@pytest.mark.slow
def test_estimate_means_cover_a_mean_of_correlated_groups() -> None:
    covered = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        values = np.repeat(draw.normal(0.3, 1.0, 60), 5) + draw.normal(0.0, 1.0, 300)
        groups = Groups([f"g{index // 5:02d}" for index in range(300)])
        found = estimate_means({"": values}, groups, np.ones(300, bool), resamples=1000)[""]
        covered += found.low <= 0.3 <= found.high

    assert 88 <= covered <= 99


def test_estimate_means_without_clips_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        estimate_means({"first": FIRST}, GROUPS, ~EVERYONE)


def test_estimate_as_record_has_mean_interval_and_clips() -> None:
    assert Estimate(0.5, 0.4, 0.6, 7).as_record() == {"mean": 0.5, "interval": [0.4, 0.6], "n": 7}


def test_within_limits_the_interval_and_keeps_the_mean() -> None:
    assert Estimate(0.9, 0.7, 1.1, 8).within(0.0) == Estimate(0.9, 0.7, 1.0, 8)
    assert Estimate(-0.9, -1.1, -0.7, 8).within(-1.0) == Estimate(-0.9, -1.0, -0.7, 8)
    assert Estimate(0.1, -0.2, 0.4, 8).within(-1.0) == Estimate(0.1, -0.2, 0.4, 8)
