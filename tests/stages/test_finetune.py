"""Fine-tuning starts from what was pretrained, validates by group and keeps the best epoch."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from avme.checkpoint.file import load_checkpoint, save_checkpoint
from avme.config import EvalConfig, FinetuneConfig, PretrainConfig
from avme.errors import ArtifactError, ConfigError, MismatchError, StoppedBySignal
from avme.io.atomic import write_text
from avme.io.run_status import write_status
from avme.models.classifier import build_classifier
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset, split_path
from avme.stages.evaluate import evaluate
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain
from avme.train.evaluator import Evaluator
from avme.train.gradient_modulation import coefficients
from avme.train.metrics.loggers import read_metrics
from avme.weights.load import read_weights
from avme.weights.load_into_model import start_from
from avme.weights.provenance import starting_point

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., FinetuneConfig]


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


class StopAfterTwo(NullReporter):
    """Asks the run to stop after its second step."""

    steps = 0

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["StopAfterTwo"]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps += steps
        if self.steps == 2:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("modality", ["av", "v", "a"])
def test_encoders_start_as_they_were_pretrained(
    modality: str, pretrained: Path, make_finetune_config: MakeConfig
) -> None:
    start = load_checkpoint(pretrained / "checkpoints" / "last.pt")
    model = build_classifier(make_finetune_config(modality=modality), 2)
    report = Listening()

    start_from(model, start, report)

    for name, value in model.state_dict().items():
        if not name.startswith(("norm.", "head.")):
            assert torch.equal(value, start.model[name]), name
    assert "decoder" in report.lines[-1]


def test_start_from_weights_fixes_their_settings(
    pretrained: Path, make_pretrain_config: Callable[..., PretrainConfig]
) -> None:
    start = starting_point(pretrained)

    assert start["preset"] == "tiny"
    assert start["clip"] == {"split": "1", "num_frames": 4, "frame_stride": 2, "image_size": 16}
    assert start["model"] == make_pretrain_config().model.model_dump(mode="json")


def test_finetune_keeps_the_best_epoch_by_validation(finetuned: Path) -> None:
    lines = [
        line for line in read_metrics(finetuned / "metrics.jsonl") if line["kind"] == "validation"
    ]
    best = load_checkpoint(finetuned / "checkpoints" / "best.pt")

    chosen = next(line for line in lines if line["epoch"] == best.best["epoch"])
    assert best.step == chosen["step"]
    assert best.best["top1"] == chosen["top1"]
    assert best.best["highest_top1"] == max(line["top1"] for line in lines)
    assert best.optimizer == {}
    assert best.facts["classes"] == ["Archery", "Bowling"]
    assert best.facts["pretrained"]["preset"] == "tiny"


def test_finetune_exports_the_weights_of_the_best_epoch(
    finished: PreparedDataset, finetuned: Path, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    """The run's best epoch may be its last: another best one is put there, and export repeated."""
    run = Path(shutil.copytree(finetuned, tmp_path / "run"))
    found = load_checkpoint(run / "checkpoints" / "best.pt")
    model = {name: tensor + 1 for name, tensor in found.model.items()}
    best = replace(found, step=2, model=model)
    save_checkpoint(run / "checkpoints" / "best.pt", best)

    config = make_finetune_config()
    finetune(config, data=finished.folder, out=run, init=None, preset="tiny", resume=True)

    exported = load_file(run / "weights.safetensors")
    assert all(torch.equal(exported[name], tensor) for name, tensor in model.items())
    with safe_open(run / "weights.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert metadata["step"] == "2"
    assert metadata["epoch"] == str(int(best.best["epoch"]))
    assert float(metadata["top1"]) == pytest.approx(best.best["top1"], abs=1e-5)


def test_finetune_without_validation_keeps_the_last_epoch(
    finished: PreparedDataset, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    report = Listening()
    config = make_finetune_config(val_fraction=0.0, modality="a")
    run = finetune(config, data=finished.folder, out=tmp_path / "run", init=None, report=report)

    last, best = (load_checkpoint(run / "checkpoints" / f"{n}.pt") for n in ("last", "best"))
    exported = load_file(run / "weights.safetensors")
    assert all(torch.equal(best.model[name], last.model[name]) for name in last.model)
    assert all(torch.equal(exported[name], last.model[name]) for name in last.model)
    assert any("from scratch" in line for line in report.lines)


@pytest.mark.parametrize("val_fraction", [0.4, 0.0])
def test_averaged_weights_are_validated_kept_as_best_and_exported(
    val_fraction: float, finished: PreparedDataset, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    plain = make_finetune_config(val_fraction=val_fraction, modality="v")
    train = plain.train.model_copy(update={"epochs": 1})
    runs = [
        finetune(
            plain.model_copy(update={"train": train.model_copy(update={"ema_decay": decay})}),
            data=finished.folder,
            out=tmp_path / f"run{decay}",
            init=None,
        )
        for decay in (None, 0.9)
    ]

    last, best = (load_checkpoint(runs[1] / "checkpoints" / f"{n}.pt") for n in ("last", "best"))
    exported = load_file(runs[1] / "weights.safetensors")
    with safe_open(runs[1] / "weights.safetensors", "pt") as file:
        assert file.metadata()["ema_decay"] == "0.9"
    read = read_weights(runs[1] / "checkpoints" / "last.pt").tensors
    for name, value in last.average["tensors"].items():
        assert torch.equal(best.model[name], value)
        assert torch.equal(exported[name], value)
        assert torch.equal(read[name], value)
    assert best.average == {}
    assert any(not torch.equal(value, last.model[name]) for name, value in best.model.items())
    without = load_checkpoint(runs[0] / "checkpoints" / "last.pt")
    assert all(torch.equal(value, last.model[name]) for name, value in without.model.items())
    if val_fraction:
        assert best.best["loss"] != without.best["loss"]


def test_finetune_with_few_labels_trains_on_them_alone_and_resumes_with_no_others(
    finished: PreparedDataset, finetuned: Path, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    report, out = Listening(), tmp_path / "run"
    config = make_finetune_config(modality="a", label_fraction=0.1)

    finetune(config, data=finished.folder, out=out, init=None, report=report)
    few, all_labels = (json.loads((run / "derived.json").read_text()) for run in (out, finetuned))

    classes = len(finished.classes)
    assert few["clips"] == classes
    assert few["clips"] + few["unused_clips"] == all_labels["clips"]
    assert few["validation_clips"] == all_labels["validation_clips"]
    assert few["steps_per_epoch"] == 1
    (data,) = (line for line in report.lines if line.startswith("data "))
    assert data.endswith(f": 2 train, 4 validation, {few['unused_clips']} unused clips")
    assert any(
        "label_fraction 0.1 leaves 2 clips for batches of 4" in line for line in report.lines
    )
    stored, whole = (load_checkpoint(run / "checkpoints/last.pt") for run in (out, finetuned))
    assert stored.facts["mfcc"] == whole.facts["mfcc"]
    more = config.model_copy(update={"label_fraction": 0.3})
    with pytest.raises(MismatchError, match=r"label_fraction 0\.1 -> 0\.3"):
        finetune(more, data=finished.folder, out=out, init=None, resume=True)


def test_finetune_with_all_augmentations_trains(
    finished: PreparedDataset, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    augment = {
        "randaugment_ops": 2,
        "erase_prob": 1.0,
        "jitter_frames": 2,
        "audio_time_mask": 0.3,
        "audio_freq_mask": 3,
        "audio_noise": 0.1,
        "audio_dropout": 0.3,
    }
    optim = {"grad_clip_norm": 1.0, "layer_decay": 0.7}
    config = make_finetune_config(augment=augment, optim=optim)

    run = finetune(config, data=finished.folder, out=tmp_path / "run", init=None)

    lines = [line for line in read_metrics(run / "metrics.jsonl") if line["kind"] == "train"]
    assert len(lines) == 4
    assert all(line["grad_norm"] > 0 for line in lines)


def test_finetune_with_unimodal_heads_gives_four_scores_of_one_checkpoint(
    finished: PreparedDataset, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_finetune_config(head={"unimodal_weight": 0.4})
    run = finetune(config, data=finished.folder, out=tmp_path / "run", init=None)

    def score(modality: Literal["av", "v", "a", "product"]) -> tuple[str, np.ndarray]:
        settings = EvalConfig(segments=1, crops=1, modality=modality)
        made = evaluate(run, data=finished.folder, config=settings, out=tmp_path / modality)
        with np.load(made.folder / "predictions.npz") as file:
            return made.summary["signature"], file["probability"]

    found = {name: score(name) for name in get_args(Literal["av", "v", "a", "product"])}
    lines = [line for line in read_metrics(run / "metrics.jsonl") if line["kind"] == "train"]
    assert {"top1", "top1_v", "top1_a"} <= lines[0].keys()
    assert [found[name][0].split("|")[4] for name in found] == [
        "mod=av",
        "mod=v/av",
        "mod=a/av",
        "mod=product/av",
    ]
    both = found["v"][1] * found["a"][1]
    both /= both.sum(axis=1, keepdims=True)
    heard = np.array([[entry.has_audio] for entry in finished.subset("1", "test")])
    expected = np.where(heard, both, found["v"][1])
    np.testing.assert_allclose(found["product"][1], expected, atol=1e-5)
    assert 0 < heard.sum() < len(heard)


def test_finetune_with_gradient_modulation_resumes_to_the_same_weights(
    finished: PreparedDataset, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    heads = {"unimodal_weight": 0.4, "gradient_modulation": 0.5}
    config = make_finetune_config(head=heads)
    whole = finetune(config, data=finished.folder, out=tmp_path / "whole", init=None)
    halves = tmp_path / "halves"

    with pytest.raises(StoppedBySignal):
        finetune(config, data=finished.folder, out=halves, init=None, report=StopAfterTwo())
    finetune(config, data=finished.folder, out=halves, init=None, resume=True)

    runs = [load_checkpoint(run / "checkpoints" / "last.pt") for run in (whole, halves)]
    assert all(torch.equal(runs[0].model[name], runs[1].model[name]) for name in runs[0].model)
    lines = [line for line in read_metrics(whole / "metrics.jsonl") if line["kind"] == "train"]
    for line in lines:
        scores = torch.tensor([line["score_v"], line["score_a"]])
        scales = [line[f"gradient_scale_{name}"] for name in ("visual", "audio")]
        assert scales == pytest.approx(coefficients(scores, 0.5).tolist(), rel=1e-5)
    assert len({line["gradient_scale_visual"] for line in lines} | {1.0}) > 1


def test_finetune_when_resumed_knows_its_initial_weights(
    finished: PreparedDataset,
    pretrained: Path,
    finetuned: Path,
    make_finetune_config: MakeConfig,
    tmp_path: Path,
) -> None:
    config, out = make_finetune_config(), tmp_path / "run"

    with pytest.raises(StoppedBySignal):
        finetune(
            config,
            data=finished.folder,
            out=out,
            init=pretrained,
            preset="tiny",
            report=StopAfterTwo(),
        )
    finetune(config, data=finished.folder, out=out, init=None, preset="tiny", resume=True)

    ours, theirs = (load_checkpoint(run / "checkpoints" / "best.pt") for run in (out, finetuned))
    assert ours.facts["pretrained"] == theirs.facts["pretrained"]
    assert ours.best == theirs.best
    assert all(torch.equal(ours.model[name], theirs.model[name]) for name in theirs.model)


def test_finetune_with_signal_in_the_last_validation_finishes(
    finished: PreparedDataset,
    finetuned: Path,
    pretrained: Path,
    make_finetune_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    score, expected = Evaluator.score, read_metrics(finetuned / "metrics.jsonl")

    def score_and_stop(self: Evaluator, *given: Any) -> Any:
        if len(read_metrics(tmp_path / "run/metrics.jsonl")) == len(expected) - 1:
            signal.raise_signal(signal.SIGUSR1)
        return score(self, *given)

    monkeypatch.setattr(Evaluator, "score", score_and_stop)

    run = finetune(
        make_finetune_config(), data=finished.folder, out=tmp_path / "run", init=pretrained
    )

    ours, theirs = (load_checkpoint(each / "checkpoints/best.pt") for each in (run, finetuned))
    assert (ours.best, ours.step) == (theirs.best, theirs.step)
    assert len(read_metrics(run / "metrics.jsonl")) == len(expected)
    assert (run / "weights.safetensors").is_file()


def test_finetune_of_modality_absent_from_pretraining_is_refused(
    finished: PreparedDataset,
    make_pretrain_config: Callable[..., PretrainConfig],
    make_finetune_config: MakeConfig,
    tmp_path: Path,
) -> None:
    plain = make_pretrain_config(epochs=1)
    fusion = plain.model.fusion.model_copy(update={"kind": "none"})
    model = plain.model.model_copy(update={"fusion": fusion})
    videomae = plain.model_copy(update={"model": model})
    init = pretrain(videomae, data=finished.folder, out=tmp_path / "videomae")

    with pytest.raises(MismatchError, match=r"no audio\..*--modality"):
        finetune(
            make_finetune_config(modality="a"),
            data=finished.folder,
            out=tmp_path / "run",
            init=init,
        )


def test_finetune_from_encoder_trained_on_test_clips_is_refused(
    finished: PreparedDataset, pretrained: Path, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_finetune_config()
    other = config.model_copy(update={"clip": config.clip.model_copy(update={"split": "2"})})

    with pytest.raises(MismatchError, match=r"pretrained on split 1 .* --split 1"):
        finetune(other, data=finished.folder, out=tmp_path / "run", init=pretrained)


def test_finetune_from_unfinished_run_is_refused(
    finished: PreparedDataset, make_finetune_config: MakeConfig, tmp_path: Path
) -> None:
    write_status(tmp_path / "killed", "pretrain", "running")

    with pytest.raises(ArtifactError, match=r"is killed \(it was process"):
        finetune(
            make_finetune_config(),
            data=finished.folder,
            out=tmp_path / "run",
            init=tmp_path / "killed",
        )


def test_finetune_with_class_without_training_clip_warns(
    reseal: Callable[..., None], folder: Path, tmp_path: Path, make_finetune_config: MakeConfig
) -> None:
    train = split_path(folder, "1", "train")
    kept = [line for line in train.read_text().splitlines() if "Archery" not in line]
    write_text(train, "".join(f"{line}\n" for line in kept))
    reseal(folder)
    report = Listening()
    config = make_finetune_config(val_fraction=0.0)
    config = config.model_copy(update={"train": config.train.model_copy(update={"epochs": 1})})

    finetune(config, data=folder, out=tmp_path / "run", init=None, report=report)

    (warning,) = [line for line in report.lines if line.startswith("warning: 1 of 2 classes")]
    assert "(Archery)" in warning


def test_audio_without_a_fusion_is_refused_before_a_folder_is_made(
    finished: PreparedDataset, make_finetune_config: Callable[..., FinetuneConfig], tmp_path: Path
) -> None:
    config = make_finetune_config()
    fusion = config.model.fusion.model_copy(update={"kind": "none"})
    model = config.model.model_copy(update={"fusion": fusion})

    with pytest.raises(ConfigError, match="fusion none has no audio"):
        finetune(
            config.model_copy(update={"model": model}),
            data=finished.folder,
            out=tmp_path / "run",
            init=None,
        )
    assert not (tmp_path / "run").exists()
