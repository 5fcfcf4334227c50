"""Classifier to evaluate: its weights, completed settings, order of classes and results folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from avme.config import EvalConfig
from avme.errors import ArtifactError, MismatchError
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.weights.load import ImportedWeights
from avme.weights.load_classifier import (
    build_trained,
    complete_settings,
    read_classifier,
    results_of,
)

MakeTheirs = Callable[..., Any]
SaveAs = Callable[[nn.Module, str, Path], Path]
NAMES = ("Archery", "Bowling", "Cricket", "Diving", "Fencing")


class Lines(NullReporter):
    """Reporter that stores its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def weights(tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs) -> ImportedWeights:
    """A classifier of five named classes that does not state its stride."""
    theirs = make_theirs("finetune", id2label=dict(enumerate(NAMES)))
    return read_classifier(save_as(theirs, "hf q_bias", tmp_path / "theirs"))


def dataset(*classes: str) -> PreparedDataset:
    return PreparedDataset(Path("data/set"), {"classes": list(classes)})


def test_read_classifier_without_head_names_the_command(
    tmp_path: Path, pretrained_files: list[Path], make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    theirs = save_as(make_theirs(), "hf q_bias", tmp_path / "theirs")
    make_theirs().videomae.save_pretrained(tmp_path / "encoder")

    for path, line in (
        (pretrained_files[0], "is a pretrain checkpoint .*avme finetune --from "),
        (theirs, "is a pretrain checkpoint .*avme finetune --init "),
        (tmp_path / "encoder", "is an encoder alone .*avme finetune --init "),
    ):
        with pytest.raises(MismatchError, match=line):
            read_classifier(path)


def test_complete_without_own_stride_takes_that_of_the_settings(weights: ImportedWeights) -> None:
    completed = complete_settings(weights, EvalConfig(frame_stride=3))

    assert (weights.stride, completed.stride) == (None, 3)
    assert complete_settings(completed, EvalConfig(frame_stride=3)) == completed
    assert complete_settings(completed, EvalConfig()) == completed
    with pytest.raises(MismatchError, match=r"with frame_stride 3 \(got 2\)"):
        complete_settings(completed, EvalConfig(frame_stride=2))


def test_complete_without_own_heads_takes_those_of_the_settings(weights: ImportedWeights) -> None:
    key = "model.visual.heads"
    leaves = {name: value for name, value in weights.leaves.items() if name != key}

    completed = complete_settings(replace(weights, leaves=leaves), EvalConfig(heads=2))

    assert completed.leaves[key] == 2
    with pytest.raises(MismatchError, match=r"with heads 4 \(got 2\)"):
        complete_settings(weights, EvalConfig(heads=2))


def test_build_trained_sorts_rows_by_dataset_and_keeps_other_classes(
    weights: ImportedWeights,
) -> None:
    report = Lines()

    trained = build_trained(weights, dataset("Diving", "Archery"), report)

    rows = [NAMES.index(name) for name in trained.classes]
    assert trained.classes[:2] == ("Diving", "Archery")
    assert sorted(rows) == [0, 1, 2, 3, 4]
    assert torch.equal(trained.model.head.bias, weights.tensors["head.bias"][rows])
    assert torch.equal(trained.model.head.weight, weights.tensors["head.weight"][rows])
    assert "3 of the classifier's 5 classes are not in the set" in report.lines[0]
    assert "does not record its stride: using 4" in report.lines[-1]


def test_build_trained_without_row_for_a_class_is_refused(weights: ImportedWeights) -> None:
    with pytest.raises(MismatchError, match="only here: Juggling"):
        build_trained(weights, dataset("Archery", "Juggling"), NullReporter())


def test_build_trained_with_stated_stride_reports_nothing(weights: ImportedWeights) -> None:
    report = Lines()

    build_trained(complete_settings(weights, EvalConfig(frame_stride=2)), dataset(*NAMES), report)

    assert report.lines == []


def test_results_of_run_are_in_the_run(weights: ImportedWeights, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "status.json").write_text("{}")

    for name in ("checkpoints/best.pt", "weights.safetensors"):
        assert results_of(replace(weights, file=run / name)) == run / "eval"
        assert results_of(replace(weights, file=run / name), "features") == run / "features"
    (run / "link").symlink_to(tmp_path)
    with pytest.raises(ArtifactError, match="link"):
        results_of(replace(weights, file=run / "weights.safetensors"))


def test_results_of_other_weights_are_below_runs(
    weights: ImportedWeights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert results_of(weights) == Path("runs/eval-theirs")
    assert results_of(weights, "features") == Path("runs/features-theirs")
    assert results_of(replace(weights, file=tmp_path / "mine.pth")) == Path("runs/eval-mine")
    parts = (tmp_path / "a.safetensors",)
    index = replace(weights, file=tmp_path / "x" / "model.safetensors.index.json", parts=parts)
    assert results_of(index) == Path("runs/eval-x")
    (tmp_path / "export.json").write_text("{}")
    exported = replace(weights, file=tmp_path / "weights.safetensors")
    assert results_of(exported) == Path(f"runs/eval-{tmp_path.name}")
