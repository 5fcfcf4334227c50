"""Logistic regression has scikit-learn's optimum."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from avme.features import logistic_regression
from avme.features.logistic_regression import Standardizer, fit_and_score, fit_logistic


def make_clips(count: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features of uneven scale, and labels of overlapping classes."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % classes
    features = rng.normal(size=(count, 6)) + 1.5 * np.eye(6)[label]
    return (features * np.logspace(-2, 2, 6) + 5.0).astype(np.float32), label


@pytest.mark.parametrize(("classes", "c"), [(2, 1.0), (4, 1e-3), (4, 10.0)])
def test_fit_and_score_equals_scikit_learn(classes: int, c: float) -> None:
    (train, label), (test, test_label) = (make_clips(120, classes, seed) for seed in (0, 1))

    scores, unconverged = fit_and_score(train, label, test, test_label, c=c, num_classes=classes)

    scaler = StandardScaler().fit(train.astype(np.float64))
    # for two classes it has one vector, the difference of ours: half the penalty
    oracle = LogisticRegression(C=2 * c if classes == 2 else c, tol=1e-8, max_iter=10_000)
    oracle.fit(scaler.transform(train.astype(np.float64)), label)
    expected = oracle.predict_proba(scaler.transform(test.astype(np.float64)))
    np.testing.assert_allclose(np.exp(scores.score), expected, atol=2e-4)
    assert unconverged == 0


def test_fit_logistic_in_blocks_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features, label = make_clips(50, 3, 0)
    standard = Standardizer.of(features).apply(features)
    whole = fit_logistic(standard, label, c=0.1)
    monkeypatch.setattr(logistic_regression, "_BLOCK_ROWS", 7)

    blocks = fit_logistic(standard, label, c=0.1)

    np.testing.assert_allclose(blocks.weight, whole.weight, atol=1e-4)
    np.testing.assert_allclose(blocks.bias, whole.bias, atol=1e-4)


def test_fit_logistic_at_the_limit_of_iterations_is_not_converged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, label = make_clips(50, 3, 0)
    monkeypatch.setattr(logistic_regression, "_MOST_ITERATIONS", 2)

    _, unconverged = fit_and_score(features, label, features, label, c=10.0, num_classes=3)

    assert unconverged == 1


def test_standardizer_takes_unknown_values_for_the_mean() -> None:
    features = np.array([[1.0, np.nan, 7.0], [3.0, np.nan, 7.0], [np.nan, np.nan, 7.0]], np.float32)

    found = Standardizer.of(features).apply(features)

    np.testing.assert_array_equal(found, [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def test_fit_and_score_never_predicts_a_class_without_train_clips() -> None:
    features, label = make_clips(40, 3, 0)
    label = np.where(label == 1, 3, label)  # class 1 has no clip

    scores, _ = fit_and_score(features, label, features, label, c=1.0, num_classes=5)

    np.testing.assert_array_equal(np.isneginf(scores.score).all(axis=0), [0, 1, 0, 0, 1])
    np.testing.assert_allclose(np.exp(scores.score).sum(axis=1), 1.0)
