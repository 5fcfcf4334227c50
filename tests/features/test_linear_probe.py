"""The probe is scikit-learn's pipeline, with C chosen on groups that are not fitted."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from avme.errors import UsageError
from avme.features.file import FeatureRows
from avme.features.linear_probe import GRID, USUAL_C, probe, split_rows
from avme.features.scores import ClassScores

MakeRows = Callable[..., FeatureRows]


def make_clips(count: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features of uneven scale, and labels; pairs of clips have the same class."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(count // 2) % classes, 2)
    features = rng.normal(size=(count, 8)) + 1.5 * np.eye(8)[label]
    return features * np.logspace(-2, 2, 8) + 5.0, label


@pytest.mark.parametrize("classes", [2, 4])
def test_probe_equals_scikit_learn_with_the_chosen_c(classes: int, make_rows: MakeRows) -> None:
    train, test = (make_clips(80, classes, seed) for seed in (0, 1))

    found = probe(make_rows(*train), make_rows(*test, name="t"), classes)

    svm = LinearSVC(C=found.c, dual="auto", random_state=0, max_iter=10_000)
    oracle = make_pipeline(StandardScaler(), svm)
    as_read = [each[0].astype(np.float32).astype(np.float64) for each in (train, test)]
    oracle.fit(as_read[0], train[1])
    np.testing.assert_array_equal(found.scores.score.argmax(axis=1), oracle.predict(as_read[1]))
    assert found.scores.top(1) == oracle.score(as_read[1], test[1])
    assert found.unconverged == 0


def test_probe_chooses_the_smallest_c_of_the_best_accuracy(make_rows: MakeRows) -> None:
    train, test = (make_clips(80, 4, seed) for seed in (0, 1))
    rows = make_rows(*train)

    found = probe(rows, make_rows(*test, name="t"), 4)

    fitted, held = split_rows(rows)
    assert found.held_out == len(held) > 0
    assert [c for c, _ in found.validation] == sorted(GRID)
    for c, top1 in found.validation:
        svm = LinearSVC(C=c, dual="auto", random_state=0, max_iter=10_000)
        oracle = make_pipeline(StandardScaler(), svm).fit(
            rows.features[fitted].astype(np.float64), rows.label[fitted]
        )
        assert top1 == oracle.score(rows.features[held].astype(np.float64), rows.label[held])
    best = max(top1 for _, top1 in found.validation)
    assert found.c == min(c for c, top1 in found.validation if top1 == best)


def test_split_rows_divides_no_group(make_rows: MakeRows) -> None:
    rows = make_rows(*make_clips(80, 4, 0))

    fitted, held = split_rows(rows)

    groups = [{rows.group[n] for n in part} for part in (fitted, held)]
    assert groups[0] & groups[1] == set()
    assert sorted([*fitted, *held]) == list(range(80))
    assert 0.1 < len(held) / 80 <= 0.5


def test_probe_without_groups_to_hold_out_takes_the_usual_c(make_rows: MakeRows) -> None:
    features, label = make_clips(4, 2, 0)  # one group a class

    found = probe(make_rows(features, label), make_rows(features, label), 2)

    assert (found.c, found.held_out, found.validation) == (USUAL_C, 0, ())


def test_class_without_training_clips_is_never_right(make_rows: MakeRows) -> None:
    train, test = make_clips(40, 3, 0), make_clips(40, 4, 1)

    found = probe(make_rows(*train), make_rows(*test, name="t"), 5)

    untrained = test[1] == 3
    assert untrained.any()
    assert not found.scores.correct(4)[untrained].any()
    assert found.scores.score.shape == (40, 5)


def test_probe_of_one_class_is_an_error(make_rows: MakeRows) -> None:
    rows = make_rows(np.eye(4), np.zeros(4, dtype=int))

    with pytest.raises(UsageError, match=r"two classes .*class 0 only"):
        probe(rows, rows, 3)


def test_fits_that_do_not_converge_are_counted(
    make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.features.linear_probe._MOST_ITERATIONS", 1)
    rng = np.random.default_rng(0)
    rows = make_rows(rng.normal(size=(40, 60)), np.repeat(np.arange(20) % 2, 2))

    assert probe(rows, rows, 2, grid=[10.0]).unconverged == 2


def test_probe_fits_the_given_classifier(make_rows: MakeRows) -> None:
    features, label = make_clips(40, 2, 0)
    asked: list[tuple[int, float]] = []

    def fit(
        features: np.ndarray,
        label: np.ndarray,
        test: np.ndarray,
        test_label: np.ndarray,
        *,
        c: float,
        num_classes: int,
    ) -> tuple[ClassScores, int]:
        asked.append((len(features), c))
        return ClassScores(test_label, np.eye(num_classes)[test_label]), 0

    rows = make_rows(features, label)
    found = probe(rows, make_rows(features, label, name="t"), 2, (0.1, 0.2), fit=fit)

    assert asked == [(40 - found.held_out, 0.1), (40 - found.held_out, 0.2), (40, 0.1)]
    assert found.scores.top(1) == 1.0
