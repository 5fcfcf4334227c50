"""Confusion matrix and accuracy by class agree with counting by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.metrics import confusion_matrix

from avme.evaluation.predictions import Predictions, read_predictions
from avme.report.classes import class_table, confusion_counts, matrix
from tests.report_files import read


@pytest.fixture
def found(make_results: Callable[..., Path], tmp_path: Path) -> Predictions:
    return read_predictions(make_results(tmp_path / "a", classes=["A", "<B>", "C", "unseen"][:3]))


def test_confusion_counts_equal_scikit_learns(found: Predictions) -> None:
    expected = confusion_matrix(found.label, found.probability.argmax(axis=1))

    assert (confusion_counts(found) == expected).all()


def test_matrix_has_a_cell_for_each_pair_that_occurs(found: Predictions) -> None:
    reader = read(matrix(found, "eval0"))

    cells = {
        (attributes["data-t"], attributes["data-p"]): attributes["class"]
        for tag, attributes in reader.found
        if "data-t" in attributes
    }
    assert cells == {
        ("0", "0"): "right s10",
        ("1", "1"): "right s10",
        ("2", "0"): "wrong s10",
    }
    assert "<B>" in reader.text


def test_matrix_of_many_classes_has_no_names(
    make_results: Callable[..., Path], tmp_path: Path
) -> None:
    classes = [f"class{n}" for n in range(101)]
    found = read_predictions(make_results(tmp_path / "b", classes=classes, count=303))

    made = matrix(found, "eval0")

    assert "class50" not in made
    assert len(made) < 40_000


def test_class_table_splits_by_audio_where_it_differs(found: Predictions) -> None:
    text = read(class_table(found, "x")).text

    assert "with audionO audio track".lower() in text.lower()
    # class C: clips 2, 5, 8, 11, all predicted as A, and the last without audio
    assert "C40.0 %" in text.replace("\n", "")
    assert "0.0 % of 30.0 % of 1" in text
