"""Predictions are read whole or refused, and aligned by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avme.errors import ArtifactError, MismatchError
from avme.evaluation.predictions import Predictions, align, read_predictions

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a results folder of 12 clips and 3 classes; arguments replace arrays."""

    def make(name: str, **arrays: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        draw = np.random.default_rng(0)
        content = {
            "id": np.array([f"c{n}" for n in range(12)]),
            "group": np.array([f"g{n // 3}" for n in range(12)]),
            "audio": np.array(["audible"] * 8 + ["none"] * 4),
            "label": np.arange(12, dtype=np.int64) % 3,
            "probability": draw.dirichlet(np.ones(3), 12),
            "classes": np.array(["A", "B", "C"]),
        }
        np.savez(folder / "predictions.npz", **{**content, **arrays})
        (folder / "summary.json").write_text(json.dumps({"n": 12}))
        return folder

    return make


def test_read_predictions_returns_what_was_written(write: Write) -> None:
    found = read_predictions(write("a"))

    assert found.id[:2] == ("c0", "c1")
    assert found.classes == ("A", "B", "C")
    assert found.probability.shape == (12, 3)


def test_read_predictions_without_a_summary_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"has no summary\.json: expected the results folder"):
        read_predictions(tmp_path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"label": np.full(12, 3, dtype=np.int64)},
        {"label": np.zeros(11, dtype=np.int64)},
        {"probability": np.full((12, 3), np.nan)},
        {"probability": np.ones((12, 2))},
        {"group": np.array(["g"])},
        {"id": np.array([])},
    ],
)
def test_read_predictions_with_arrays_that_do_not_fit_is_an_error(
    write: Write, arrays: dict[str, Any]
) -> None:
    with pytest.raises(ArtifactError, match="do not fit together: run `avme eval` again"):
        read_predictions(write("a", **arrays))


def test_read_predictions_of_objects_or_torn_files_is_an_error(write: Write) -> None:
    pickled = write("pickled", label=np.array([{}] * 12, dtype=object))
    torn = write("torn")
    (torn / "predictions.npz").write_bytes((torn / "predictions.npz").read_bytes()[:200])

    for folder in (pickled, torn):
        with pytest.raises(ArtifactError, match=r"predictions\.npz cannot be read"):
            read_predictions(folder)


def test_align_orders_clips_and_classes_as_the_first(write: Write) -> None:
    first = read_predictions(write("a"))
    rows, columns = np.random.default_rng(1).permutation(12), np.array([2, 0, 1])
    second = read_predictions(
        write(
            "b",
            id=np.array(first.id)[rows],
            group=np.array(first.group)[rows],
            audio=np.array(first.audio)[rows],
            label=np.argsort(columns)[first.label[rows]],
            probability=first.probability[rows][:, columns],
            classes=np.array(first.classes)[columns],
        )
    )

    found = align(first, second)

    assert (found.id, found.group, found.audio) == (first.id, first.group, first.audio)
    assert np.array_equal(found.label, first.label)
    assert np.array_equal(found.probability, first.probability)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"id": np.array([f"d{n}" for n in range(12)])}, "scored different clips: 12 only in the"),
        ({"classes": np.array(["A", "B", "D"])}, "scored different classes: 1 only in the first"),
        ({"label": np.zeros(12, np.int64)}, "8 of 12 clips have another class in"),
    ],
)
def test_align_of_other_clips_classes_or_labels_is_an_error(
    write: Write, arrays: dict[str, Any], said: str
) -> None:
    first: Predictions = read_predictions(write("a"))

    with pytest.raises(MismatchError, match=said):
        align(first, read_predictions(write("b", **arrays)))
