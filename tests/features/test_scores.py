"""Accuracies of scores agree with sorting."""

import numpy as np
import pytest

from avme.features.scores import ClassScores


@pytest.mark.parametrize("k", [1, 3, 8])
def test_top_k_equals_sorting(k: int) -> None:
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 8, 50), rng.normal(size=(50, 8))
    best = np.argsort(-score, axis=1)[:, :k]
    expected = [truth in row for truth, row in zip(label, best, strict=True)]

    scores = ClassScores(label, score)

    assert scores.correct(k).tolist() == expected
    assert scores.top(k) == pytest.approx(np.mean(expected))


def test_class_without_score_is_never_right() -> None:
    scores = ClassScores(np.array([2]), np.array([[0.5, 0.1, -np.inf, -np.inf]]))

    assert not scores.correct(3)[0]
