"""Dataset of an evaluation."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avme.checkpoint.file import load_checkpoint, save_checkpoint
from avme.config import EvalConfig
from avme.data.class_coverage import compute_coverage
from avme.errors import MismatchError, UsageError
from avme.evaluation.dataset import (
    report_coverage,
    report_other_dataset,
    select_by_audio,
    trained_classes,
    trained_on,
)
from avme.io.atomic import write_text
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset, split_path
from avme.shards.dataset_lookup import DatasetId
from avme.stages.evaluate import evaluate

CONFIG = EvalConfig(topk=(1, 2), num_workers=0, device="cpu")


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.slow
def test_evaluate_without_data_finds_the_dataset_of_training(
    reseal: Callable[..., None],
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path(shutil.copytree(finished.folder, tmp_path / "data" / "renamed"))
    other = Path(shutil.copytree(finished.folder, tmp_path / "data" / "other"))
    reseal(other, name="other", fingerprint="0" * 64)
    report = Listening()

    result = evaluate(finetuned, config=CONFIG, out=tmp_path / "eval", report=report)

    assert report.lines == [
        f"scoring {own.relative_to(tmp_path)}",
        "top-2 is 100 % for any classifier: the classifier has 2 classes",
    ]
    assert result.summary["fingerprint"] == finished.fingerprint

    report = Listening()
    evaluate(finetuned, data=other, config=CONFIG, out=tmp_path / "other", report=report)
    (warning,) = [line for line in report.lines if line.startswith("warning")]
    assert "is other (fingerprint 00000000), the classifier was trained on set (fing" in warning


@pytest.mark.slow
def test_evaluate_of_renamed_dataset_with_trained_clips_is_refused(
    reseal: Callable[..., None], finished: PreparedDataset, finetuned: Path, folder: Path
) -> None:
    reseal(folder, name="copy")

    with pytest.raises(MismatchError, match=r"test clips of split 2 were trained on"):
        evaluate(finetuned, data=folder, split="2", config=CONFIG)


@pytest.mark.slow
def test_evaluate_with_untrained_class_reports_the_highest_top1(
    reseal: Callable[..., None],
    finetuned: Path,
    finished: PreparedDataset,
    folder: Path,
    tmp_path: Path,
) -> None:
    train = split_path(folder, "1", "train")
    kept = [line for line in train.read_text().splitlines() if "Archery" not in line]
    write_text(train, "".join(f"{line}\n" for line in kept))
    reseal(folder)
    loaded = load_checkpoint(finetuned / "checkpoints" / "best.pt")
    sha256 = hashlib.sha256(train.read_bytes()).hexdigest()
    facts = loaded.facts | {"train_list_sha256": sha256}
    save_checkpoint(tmp_path / "best.pt", replace(loaded, facts=facts))
    report = Listening()

    summary = evaluate(
        tmp_path / "best.pt", data=folder, config=CONFIG, out=tmp_path / "eval", report=report
    ).summary

    tested = [entry.class_name for entry in finished.subset("1", "test")]
    assert (tested.count("Archery"), len(tested)) == (2, 4)
    assert (summary["untrained_classes"], summary["highest_top1"]) == (["Archery"], 0.5)
    (warning,) = [line for line in report.lines if line.startswith("warning")]
    assert "1 of 2 classes have no training clip (Archery): 2 of 4 clips cannot be" in warning
    assert "at most 50.00 %" in warning


@pytest.mark.slow
def test_evaluate_of_single_class_list_is_reported(
    reseal: Callable[..., None], finetuned: Path, folder: Path, tmp_path: Path
) -> None:
    test = split_path(folder, "1", "test")
    kept = [line for line in test.read_text().splitlines() if "Archery" in line]
    write_text(test, "".join(f"{line}\n" for line in kept))
    reseal(folder)
    report = Listening()

    evaluate(finetuned, data=folder, config=CONFIG, out=tmp_path / "eval", report=report)

    assert any("all 2 clips are of one class (Archery)" in line for line in report.lines)


@pytest.fixture
def facts(finished: PreparedDataset) -> dict[str, Any]:
    """Metadata of a checkpoint that was trained on split 1 of the dataset."""
    return {
        "dataset": finished.name,
        "fingerprint": finished.fingerprint,
        "split": "1",
        "train_list_sha256": finished.list_sha256("1", "train"),
    }


def test_trained_on_of_published_weights_is_none(facts: dict[str, Any]) -> None:
    assert trained_on({}) is None
    assert trained_on({"dataset": "set"}) is None
    assert trained_on(facts) == DatasetId(facts["dataset"], facts["fingerprint"])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, None),
        ({"dataset": "renamed"}, None),
        ({"fingerprint": "f" * 64}, "was prepared again after training"),
        ({"fingerprint": "f" * 64, "dataset": "pets"}, "was trained on pets (fingerprint ffff"),
    ],
)
def test_report_other_dataset_warns_by_fingerprint(
    changes: dict[str, Any], line: str | None, facts: dict[str, Any], finished: PreparedDataset
) -> None:
    report = Listening()

    report_other_dataset(facts | changes, finished, report)

    assert len(report.lines) == (line is not None)
    assert line is None or line in report.lines[0]


def test_trained_classes_of_other_train_list_are_all_classes(
    facts: dict[str, Any], folder: Path, reseal: Callable[..., None]
) -> None:
    train = split_path(folder, "1", "train")
    bowling = [line for line in train.read_text().splitlines() if "Bowling" in line]
    write_text(train, "".join(f"{line}\n" for line in bowling))
    reseal(folder)
    prepared = PreparedDataset.open(folder)
    own = facts | {"train_list_sha256": prepared.list_sha256("1", "train")}

    assert trained_classes(own, prepared) == ("Bowling",)
    assert trained_classes(facts, prepared) == ("Archery", "Bowling")
    assert trained_classes({}, prepared) == ("Archery", "Bowling")


def test_report_coverage_warns_of_untrained_and_single_classes(finished: PreparedDataset) -> None:
    entries, report = finished.subset("1", "test"), Listening()
    archery = [entry for entry in entries if entry.class_name == "Archery"]

    report_coverage(compute_coverage(entries, ("Archery", "Bowling")), finished.classes, report)
    assert report.lines == []
    report_coverage(compute_coverage(entries, ("Bowling",)), finished.classes, report)
    report_coverage(compute_coverage(archery, finished.classes), finished.classes, report)
    report_coverage(compute_coverage(archery, ("Archery",)), ("Archery",), report)

    untrained, one_class, only_class = report.lines
    share = 100 * (1 - len(archery) / len(entries))
    assert f"{len(archery)} of {len(entries)} clips cannot be right" in untrained
    assert untrained.endswith(f"at most {share:.2f} %")
    assert "all 2 clips are of one class (Archery)" in one_class
    assert only_class.startswith("warning: there is one class (Archery)")


def test_select_by_audio_parts_a_list_into_audible_clips_and_others(
    finished: PreparedDataset,
) -> None:
    entries = finished.subset("1", "train")

    audible = select_by_audio(entries, "audio", "the train list")
    others = select_by_audio(entries, "silent", "the train list")

    assert {entry.audio for entry in audible} == {"audible"}
    assert {entry.audio for entry in others} == {"silent", "none"}
    assert sorted([*audible, *others], key=lambda entry: entry.id) == list(entries)
    assert select_by_audio(entries, "all", "the train list") == entries
    with pytest.raises(UsageError, match=r"none of the \d+ clips of the train list has audible"):
        select_by_audio(others, "audio", "the train list")
