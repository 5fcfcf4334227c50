"""Paired tests agree with scipy and with enumeration."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from avme.evaluation.intervals import Groups
from avme.evaluation.paired_tests import compare_correct, mcnemar_p, sign_flip_p


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 3), (1, 9), (40, 12)])
def test_mcnemar_p_is_the_two_sided_binomial_tail(first: int, second: int) -> None:
    tail = 2 * binom.cdf(min(first, second), first + second, 0.5)

    assert mcnemar_p(first, second) == pytest.approx(min(1.0, tail) if first + second else 1.0)


def test_sign_flip_p_is_that_of_all_sign_patterns() -> None:
    total = np.array([3.0, -1.0, 2.0, 2.0, 0.0, 1.0, -1.0, 4.0])
    sums = [abs(np.dot(signs, total)) for signs in product((-1, 1), repeat=len(total))]

    found = sign_flip_p(total, draws=40_000)

    assert found == pytest.approx(np.mean(np.array(sums) >= abs(total.sum())), abs=0.01)


def test_sign_flip_p_of_a_true_null_is_uniform() -> None:
    draw = np.random.default_rng(0)
    values = [sign_flip_p(draw.normal(size=25), draws=400, seed=n) for n in range(300)]

    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(np.array(values) < 0.5) == pytest.approx(0.5, abs=0.09)


def test_compare_correct_counts_discordant_clips_and_centres_its_interval() -> None:
    draw = np.random.default_rng(1)
    groups = Groups([f"g{n // 6}" for n in range(600)])
    first, second = draw.random(600) < 0.6, draw.random(600) < 0.75

    found = compare_correct(first, second, groups)

    assert found.difference == pytest.approx(second.mean() - first.mean())
    assert found.only_second - found.only_first == round(found.difference * 600)
    assert found.low < found.difference < found.high
    assert found.p_value < 0.01
    assert found.mcnemar_p < 0.01


def test_compare_correct_of_a_gain_in_one_group_alone_is_no_evidence() -> None:
    """All 40 changed clips show one scene: McNemar takes them as independent, groups do not."""
    groups = Groups([f"g{n // 40}" for n in range(400)])
    first = np.zeros(400, bool)
    second = np.arange(400) < 40

    found = compare_correct(first, second, groups)

    assert found.mcnemar_p < 1e-9
    assert found.p_value == pytest.approx(1.0)
    assert found.low == 0.0


def test_compare_correct_without_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        compare_correct(np.zeros(0, bool), np.zeros(0, bool), Groups([]))
