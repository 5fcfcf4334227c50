"""The figures of a card are those of the newest evaluation of the same file with its own inputs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.export.evaluations import accuracy_rows, newest_evaluation
from avme.io.atomic import write_json
from avme.io.hashing import sha256_of
from avme.weights.load import read_weights


@pytest.fixture
def add(classifier: Path) -> Callable[..., None]:
    """Writes a summary of the classifier that is so many seconds old."""
    folder = classifier.parent / "eval"

    def write(name: str, age: int, **changes: Any) -> None:
        summary = {
            "checkpoint": {"sha256": sha256_of(classifier)},
            "audio": "real",
            "frames": "real",
            "modality": "av",
            "trained_modality": "av",
            "subset": "all",
            "degrade": [],
            "name": name,
        }
        file = folder / name / "summary.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, summary | changes)
        os.utime(file, (10_000 - age, 10_000 - age))

    return write


def test_newest_evaluation_without_any_is_none(make_checkpoint: Callable[..., Path]) -> None:
    assert newest_evaluation(read_weights(make_checkpoint())) is None


def test_newest_evaluation_skips_other_files_and_replaced_inputs(
    classifier: Path, add: Callable[..., None]
) -> None:
    add("old", 500)
    add("right", 400)
    add("another", 1, checkpoint={"sha256": "0"})
    add("null", 2, audio="null")
    add("static", 3, frames="static")
    add("blurred", 4, degrade=["blur=3"])
    add("half", 5, subset="audio")
    add("of v", 6, modality="v")
    add("of training", 7, list="train")
    broken = classifier.parent / "eval" / "broken" / "summary.json"
    broken.parent.mkdir()
    broken.write_text("{")

    found = newest_evaluation(read_weights(classifier))

    assert found is not None
    assert found["name"] == "right"


def test_accuracy_rows_have_intervals_of_all_clips_and_audio_states() -> None:
    summary = {
        "n": 8,
        "top1": 0.5,
        "top10": 1.0,
        "intervals": {"top1": [0.25, 0.75]},
        "by_audio": {"none": {"n": 2, "top1": 0.0, "intervals": {"top1": [0.0, 0.6]}}},
    }

    assert accuracy_rows(summary) == [
        ("all clips", 8, {"top-1": "50.00 % (25.0 to 75.0)", "top-10": "100.00 %"}),
        ("no track", 2, {"top-1": "0.00 % (0.0 to 60.0)"}),
    ]
