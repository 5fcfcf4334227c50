"""Votes equal those of scikit-learn's classifier with the same weights."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from avme.features.knn import NEIGHBORS, TEMPERATURE, normalize, score_neighbors, vote

CLASSES = 7


def make_clips(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, CLASSES, count)
    features = rng.normal(size=(count, 16)) + 3.0 * np.eye(16)[label]
    return features.astype(np.float32), label


def weights(distance: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp((1.0 - distance) / TEMPERATURE))


@pytest.mark.parametrize("k", NEIGHBORS)
def test_votes_equal_those_of_scikit_learn(k: int) -> None:
    (train, label), (test, _) = make_clips(120, 0), make_clips(50, 1)
    oracle = KNeighborsClassifier(k, metric="cosine", weights=weights, algorithm="brute")
    oracle.fit(train.astype(np.float64), label)

    (share,) = vote(train, label, test, neighbors=[k], num_classes=CLASSES)

    np.testing.assert_allclose(share, oracle.predict_proba(test.astype(np.float64)), atol=1e-4)


def test_blocks_of_queries_do_not_change_the_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    (train, label), (test, _) = make_clips(60, 0), make_clips(40, 1)
    whole = vote(train, label, test, neighbors=[5], num_classes=CLASSES)
    monkeypatch.setattr("avme.features.knn._BLOCK_CELLS", 60 * 7)

    blocks = vote(train, label, test, neighbors=[5], num_classes=CLASSES)

    np.testing.assert_allclose(blocks[0], whole[0], atol=1e-6)


def test_more_neighbors_than_clips_take_all() -> None:
    (train, label), (test, _) = make_clips(12, 0), make_clips(5, 1)

    all_clips, more = vote(train, label, test, neighbors=[12, 50], num_classes=CLASSES)

    np.testing.assert_array_equal(all_clips, more)


def test_length_of_features_has_no_effect() -> None:
    (train, label), (test, _) = make_clips(60, 0), make_clips(20, 1)
    scale = np.random.default_rng(2).uniform(0.1, 10, (60, 1)).astype(np.float32)

    usual, scaled = (
        vote(each, label, test, neighbors=[10], num_classes=CLASSES)[0]
        for each in (train, train * scale)
    )

    np.testing.assert_allclose(usual, scaled, atol=1e-4)


def test_scores_of_one_neighbor_have_top5_equal_to_top1() -> None:
    (train, label), (test, test_label) = make_clips(120, 0), make_clips(50, 1)

    scores = score_neighbors(train, label, test, test_label, num_classes=CLASSES)

    assert set(scores) == set(NEIGHBORS)
    assert scores[1].top(5) == scores[1].top(1)
    assert scores[20].top(5) > scores[20].top(1) > 1 / CLASSES


def test_training_clips_find_themselves() -> None:
    train, label = make_clips(50, 0)

    scores = score_neighbors(train, label, train, label, neighbors=[1], num_classes=CLASSES)

    assert scores[1].top(1) == 1.0


def test_row_of_zeros_stays_zero() -> None:
    rows = normalize(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32))

    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, 0.0]], atol=1e-7)
