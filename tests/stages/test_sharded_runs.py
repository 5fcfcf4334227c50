"""A run whose model is cut over two processes: the losses of one, files that nobody can tell apart,
and the same bits after a stop."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from avme.checkpoint.file import Checkpoint, load_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import to_yaml
from avme.io.atomic import read_json
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics

pytestmark = pytest.mark.slow

SHARDED = ("--procs", "2", "--set", "train.sharding=fsdp")
RECOMPUTED = (*SHARDED, "--set", "train.activation_checkpointing=true")
STOPPED = 75
STEPS = 12

Start = Callable[..., Any]


def command(stage: str, data: Path, config: Path, out: Path, *more: str) -> list[str]:
    indices = ["--data", str(data), "--config", str(config), "--out", str(out)]
    return ["-m", "avme_cli", stage, "--preset", "tiny", *indices, *more]


def last_of(run: Path) -> Checkpoint:
    return load_checkpoint(run / "checkpoints" / "last.pt")


def figures(run: Path, name: str, kind: str = "train") -> list[float]:
    return [line[name] for line in read_metrics(run / "metrics.jsonl") if line["kind"] == kind]


@pytest.fixture(scope="module")
def config(make_pretrain_config: Callable[..., PretrainConfig]) -> PretrainConfig:
    """Every step saves, weights are averaged, and pictures are drawn of the average."""
    config = make_pretrain_config(
        epochs=6, log_images_every_epochs=3, checkpoint_minutes=0.0001, ema_decay=0.7
    )
    optim = config.optim.model_copy(update={"grad_clip_norm": 0.5, "layer_decay": 0.75})
    return config.model_copy(update={"optim": optim})


@pytest.fixture(scope="module")
def settings(config: PretrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "settings.yaml"
    path.write_text(to_yaml(config))
    return path


@pytest.fixture(scope="module")
def whole(
    config: PretrainConfig, finished: PreparedDataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The run of one process."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return pretrain(config, data=finished.folder, out=out, preset="tiny")


@pytest.fixture(scope="module")
def cut(
    settings: Path,
    finished: PreparedDataset,
    start: Start,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The same, cut over two processes, which compute blocks twice."""
    out = tmp_path_factory.mktemp("cut") / "run"
    made = start(command("pretrain", finished.folder, settings, out, *RECOMPUTED))
    assert made.wait() == 0, made.said
    return out


@pytest.fixture(scope="module")
def stopped(
    settings: Path,
    finished: PreparedDataset,
    start: Start,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The same, stopped on the way; not to be changed."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    running = start(command("pretrain", finished.folder, settings, out, *RECOMPUTED))
    deadline = time.monotonic() + 120
    while not read_metrics(out / "metrics.jsonl") and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait() == STOPPED, running.said
    assert 0 < last_of(out).step < STEPS
    return out


def test_losses_gradients_and_attention_are_those_of_one_process(whole: Path, cut: Path) -> None:
    assert len(figures(cut, "loss")) == STEPS
    assert figures(cut, "loss") == pytest.approx(figures(whole, "loss"), rel=1e-5)
    for name in ("grad_norm", "grad_norm_audio", "grad_norm_decoder", "grad_norm_audio_null"):
        assert figures(cut, name) == pytest.approx(figures(whole, name), rel=1e-3, abs=1e-6)
    assert all(0 < value <= 1 for value in figures(cut, "entropy_visual_from_audio"))


def test_fsdp_run_leaves_the_files_of_any_other(whole: Path, cut: Path) -> None:
    ours, theirs = last_of(cut), last_of(whole)

    assert list(ours.model) == list(theirs.model)
    torch.testing.assert_close(ours.model, theirs.model, rtol=1e-3, atol=1e-5)
    assert ours.optimizer["param_groups"] == theirs.optimizer["param_groups"]
    torch.testing.assert_close(
        ours.optimizer["state"], theirs.optimizer["state"], rtol=1e-2, atol=1e-5
    )
    exported = load_file(cut / "weights.safetensors")
    assert all(torch.equal(exported[name], tensor) for name, tensor in ours.weights.items())
    torch.testing.assert_close(ours.weights, theirs.weights, rtol=1e-3, atol=1e-5)
    assert any(not torch.equal(ours.model[name], mean) for name, mean in ours.weights.items())
    derived = [read_json(run / "derived.json") for run in (cut, whole)]
    assert derived[0]["parameters"] == derived[1]["parameters"]


def test_fsdp_run_stopped_and_resumed_is_identical_to_an_uninterrupted_one(
    settings: Path,
    finished: PreparedDataset,
    cut: Path,
    stopped: Path,
    start: Start,
    tmp_path: Path,
) -> None:
    out = Path(shutil.copytree(stopped, tmp_path / "run"))

    made = start(command("pretrain", finished.folder, settings, out, *RECOMPUTED, "--resume"))

    assert made.wait() == 0, made.said
    ours, theirs = last_of(out), last_of(cut)
    assert all(torch.equal(ours.model[name], tensor) for name, tensor in theirs.model.items())
    assert all(torch.equal(ours.weights[name], mean) for name, mean in theirs.weights.items())
    for key, state in theirs.optimizer["state"].items():
        assert all(torch.equal(ours.optimizer["state"][key][k], v) for k, v in state.items())
    assert figures(out, "loss") == figures(cut, "loss")


def test_fsdp_run_continues_on_one_rank(
    config: PretrainConfig, finished: PreparedDataset, whole: Path, stopped: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(stopped, tmp_path / "run"))

    pretrain(config, data=finished.folder, out=out, preset="tiny", resume=True)

    assert figures(out, "loss") == pytest.approx(figures(whole, "loss"), rel=1e-5)


def test_fsdp_classifier_validates_and_keeps_its_best_epoch(
    finished: PreparedDataset,
    pretrained: Path,
    finetuned: Path,
    make_finetune_config: Callable[..., FinetuneConfig],
    start: Start,
    tmp_path: Path,
) -> None:
    settings, out = tmp_path / "settings.yaml", tmp_path / "run"
    settings.write_text(to_yaml(make_finetune_config()))
    begin = ("--from", str(pretrained))

    made = start(command("finetune", finished.folder, settings, out, *begin, *SHARDED))

    assert made.wait() == 0, made.said
    assert figures(out, "loss") == pytest.approx(figures(finetuned, "loss"), rel=1e-4)
    ours, theirs = (figures(run, "loss", "validation") for run in (out, finetuned))
    assert len(ours) == 4
    assert ours == pytest.approx(theirs, rel=1e-4)
    best, other = (load_checkpoint(run / "checkpoints" / "best.pt") for run in (out, finetuned))
    assert best.best == pytest.approx(other.best, rel=1e-4)
    torch.testing.assert_close(best.model, other.model, rtol=1e-3, atol=1e-4)
