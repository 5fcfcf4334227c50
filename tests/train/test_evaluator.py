"""Top-k by an independent oracle, and what counts as right when a model cannot decide."""

import math

import numpy as np
import pytest

from avme.train.evaluator import EvalScores


def make_scores(clips: int = 50, classes: int = 8, seed: int = 0) -> EvalScores:
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(classes), size=clips)
    label = rng.integers(0, classes, size=clips)
    return EvalScores(label, probability, np.ones(clips, dtype=np.int64))


@pytest.mark.parametrize("k", [1, 3, 5, 8])
def test_top_k_equals_sorting(k: int) -> None:
    scores = make_scores()
    best = np.argsort(-scores.probability, axis=1)[:, :k]

    expected = np.mean([label in row for label, row in zip(scores.label, best, strict=True)])

    assert scores.top(k) == pytest.approx(expected)


def test_a_subset_counts_only_its_clips() -> None:
    scores = make_scores()
    among = scores.label == 3
    right = scores.probability[among].argmax(axis=1) == 3

    assert scores.top(1, among) == pytest.approx(right.mean())
    assert math.isnan(scores.top(1, np.zeros(50, bool)))


def test_a_constant_answer_is_never_right_by_luck_of_the_order() -> None:
    scores = EvalScores(np.array([0, 1]), np.full((2, 4), 0.25), np.ones(2, dtype=np.int64))

    assert scores.top(1) == 0.0
    assert scores.top(4) == 1.0


def test_cross_entropy_of_certainty_is_zero_and_of_ignorance_the_log_of_the_classes() -> None:
    ones = np.ones(2, dtype=np.int64)

    assert EvalScores(np.array([0, 1]), np.eye(2), ones).cross_entropy() == pytest.approx(0.0)
    unsure = EvalScores(np.array([0, 1]), np.full((2, 4), 0.25), ones)
    assert unsure.cross_entropy() == pytest.approx(math.log(4))


def test_a_model_that_gives_no_numbers_is_never_right() -> None:
    scores = EvalScores(np.array([0, 1]), np.full((2, 4), np.nan), np.ones(2, dtype=np.int64))

    assert scores.top(1) == 0.0
    assert scores.top(3) == 0.0
