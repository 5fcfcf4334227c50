"""Results folder of an evaluation."""

import csv
import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from avme.config import EvalConfig
from avme.evaluation.results import _csv, write_results
from avme.progress import NullReporter
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.stages.evaluate import evaluate
from avme.train.evaluator import EvalScores

CONFIG = EvalConfig(topk=(1, 2), num_workers=0, device="cpu")


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.slow
def test_evaluate_writes_a_table_row_per_class(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    folder = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path).folder

    per_class = list(csv.DictReader((folder / "per_class.csv").read_text().splitlines()))
    confusion = list(csv.reader((folder / "confusion.csv").read_text().splitlines()))
    assert [row["class"] for row in per_class] == ["Archery", "Bowling"]
    assert sum(int(number) for row in confusion[1:] for number in row[1:]) == 4
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_evaluate_with_failing_figure_keeps_results(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, told, out = Listening(), list[bool](), tmp_path / "eval"
    evaluate(finetuned, data=finished.folder, config=CONFIG, out=out)
    (out / "summary.json").unlink()

    def fail(*_: object) -> None:
        assert (out / "summary.json").is_file()
        assert told == [False]
        raise ValueError("no such glyph")

    monkeypatch.setattr("avme.evaluation.results.draw_confusion", fail)
    result = evaluate(
        finetuned,
        data=finished.folder,
        config=CONFIG,
        out=out,
        overwrite=True,
        report=report,
        tell=lambda summary: told.append((out / "summary.json").exists()),
    )

    warning = f"warning: {out / 'confusion.png'} was not drawn (ValueError: no such glyph)"
    assert [line for line in report.lines if line.startswith(warning)]
    assert json.loads((out / "summary.json").read_text())["top1"] == result.summary["top1"]
    assert not (out / "confusion.png").exists()


def test_csv_of_formulas_and_control_characters_is_escaped() -> None:
    rows: list[list[Any]] = [
        ["class", "n"],
        ["=HYPERLINK(1)", -0.5],
        ["@a", "-0.5"],
        ["射箭", 1],
        ["\uff1d1", 2],
        ["\x1b[2J", 3],
    ]

    text = _csv(rows)

    assert [row[0] for row in csv.reader(text.splitlines())] == [
        *("class", "'=HYPERLINK(1)", "'@a", "射箭", "'\uff1d1", "\\x1b[2J"),
    ]
    assert [row[1] for row in csv.reader(text.splitlines())] == ["n", "-0.5", "-0.5", *"123"]


@pytest.mark.slow
def test_evaluate_titles_confusion_matrix_with_dataset_and_run(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    result = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path / "eval")

    with Image.open(tmp_path / "eval" / "confusion.png") as image:
        title = image.info["Title"]
    step = result.summary["checkpoint"]["step"]
    top1 = f"top-1 {100 * result.summary['top1']:.2f} %"
    assert title == (
        f"set, split 1, test: {top1}, top-2 100.00 % of n = 4 clips\n"
        f"finetune, best.pt at step {step}, modality av, 5 x 3 views"
    )


SUMMARY = {
    "checkpoint": {"sha256": "a"},
    "fingerprint": "f",
    "split": "1",
    "list": "test",
    "views": {"segments": 5, "crops": 3},
    "precision": "float32",
    "top1": 0.5,
}


@pytest.fixture
def scores() -> EvalScores:
    """Three clips of two of three classes, one of them wrong."""
    probability = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5]])
    ones = np.ones(3, dtype=np.int64)
    return EvalScores(np.array([0, 0, 2]), probability, ones, probability)


@pytest.fixture
def entries(finished: PreparedDataset) -> tuple[ClipEntry, ...]:
    return finished.entries[:3]


def test_write_results_has_recall_and_confusion_by_true_class(
    scores: EvalScores, entries: tuple[ClipEntry, ...], tmp_path: Path
) -> None:
    write_results(tmp_path, SUMMARY, scores, entries, ("a", "=b", "c"), (1, 2))

    assert (tmp_path / "per_class.csv").read_text() == (
        "class,n,top1,top2\na,2,0.500000,0.500000\nc,1,1.000000,1.000000\n"
    )
    assert (tmp_path / "confusion.csv").read_text() == (
        "true \\ predicted,a,'=b,c\na,1,1,0\n'=b,0,0,0\nc,0,0,1\n"
    )
    assert json.loads((tmp_path / "summary.json").read_text()) == SUMMARY
    with np.load(tmp_path / "predictions.npz") as predictions:
        np.testing.assert_array_equal(predictions["probability"], scores.probability)
        assert predictions["id"].tolist() == [entry.id for entry in entries]


def test_write_results_on_full_disk_leaves_only_foreign_files(
    scores: EvalScores,
    entries: tuple[ClipEntry, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("avme.evaluation.results.write_json", full)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()

    for name in ("mine", "new"):
        with pytest.raises(OSError, match="No space left"):
            write_results(tmp_path / name, SUMMARY, scores, entries, ("a", "b", "c"), (1,))

    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "notes.txt"]
