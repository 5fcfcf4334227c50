"""Training job: resumption bit for bit, stored checkpoints, records of a run."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from avme.checkpoint.file import load_checkpoint
from avme.config import PretrainConfig
from avme.errors import StoppedBySignal
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., PretrainConfig]


class Interrupting(NullReporter):
    """Reporter that sends this process a signal after some steps."""

    def __init__(self, after: int, number: signal.Signals) -> None:
        self.left, self.number = after, number

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["Interrupting"]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left == 0:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_train_stopped_and_resumed_ends_bit_for_bit_as_uninterrupted(
    number: signal.Signals,
    finished: PreparedDataset,
    pretrained: Path,
    make_pretrain_config: MakeConfig,
    tmp_path: Path,
) -> None:
    config, out = make_pretrain_config(), tmp_path / "run"

    with pytest.raises(StoppedBySignal, match=f"step 3 of 8 by {number.name}"):
        pretrain(
            config, data=finished.folder, out=out, preset="tiny", report=Interrupting(3, number)
        )
    assert json.loads((out / "status.json").read_text())["state"] == "stopped"
    pretrain(config, data=finished.folder, out=out, preset="tiny", resume=True)

    ours, theirs = (load_checkpoint(run / "checkpoints" / "last.pt") for run in (out, pretrained))
    assert all(torch.equal(ours.model[name], theirs.model[name]) for name in theirs.model)
    for key, state in theirs.optimizer["state"].items():
        assert all(torch.equal(ours.optimizer["state"][key][k], v) for k, v in state.items())
    steps = [line["step"] for line in read_metrics(out / "metrics.jsonl")]
    assert steps == list(range(1, 9))


def test_train_resumed_restores_average_and_loss_scale_bit_for_bit(
    finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config, out = make_pretrain_config(ema_decay=0.7, precision="fp16"), tmp_path / "run"
    pretrain(config, data=finished.folder, out=tmp_path / "whole")

    stop = Interrupting(3, signal.SIGTERM)
    with pytest.raises(StoppedBySignal, match="step 3 of 8"):
        pretrain(config, data=finished.folder, out=out, report=stop)
    pretrain(config, data=finished.folder, out=out, resume=True)

    ours, theirs = (
        load_checkpoint(run / "checkpoints" / "last.pt") for run in (out, tmp_path / "whole")
    )
    exported = load_file(out / "weights.safetensors")
    assert ours.average["updates"] == theirs.average["updates"] == 8
    assert ours.scaler == theirs.scaler
    assert ours.scaler["scale"] > 0
    for name, value in theirs.model.items():
        assert torch.equal(ours.model[name], value)
        assert torch.equal(ours.average["tensors"][name], theirs.average["tensors"][name])
        assert torch.equal(exported[name], ours.average["tensors"][name])
    assert any(not torch.equal(exported[name], value) for name, value in ours.model.items())


def test_train_with_workers_gives_the_same_weights(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    run = pretrain(make_pretrain_config(num_workers=2), data=finished.folder, out=tmp_path / "run")

    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (run, pretrained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(None, {"step-2.pt", "step-4.pt", "step-6.pt", "step-8.pt"}), (1, {"step-8.pt"})],
)
def test_train_with_save_every_epochs_keeps_the_newest_checkpoints(
    keep: int | None,
    kept: set[str],
    finished: PreparedDataset,
    make_pretrain_config: MakeConfig,
    tmp_path: Path,
) -> None:
    config = make_pretrain_config(save_every_epochs=1, max_saved=keep)
    run = pretrain(config, data=finished.folder, out=tmp_path / "run")

    names = {path.name for path in (run / "checkpoints").iterdir()}
    assert names == {"last.pt", "previous.pt"} | kept
