"""A run that is resumed with other epochs goes on from its rate to its lowest at the new end."""

import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from avme.checkpoint.file import load_checkpoint
from avme.config import PretrainConfig
from avme.config.resolve import read_settings
from avme.errors import StoppedBySignal, UsageError
from avme.io.atomic import read_json
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., PretrainConfig]


class Watch:
    """A reporter that keeps lines, and sends SIGTERM after some steps."""

    def __init__(self, stop_after: int = -1) -> None:
        self.lines: list[str] = []
        self.left = stop_after

    def log(self, line: str) -> None:
        self.lines.append(line)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["Watch"]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def begun(finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path) -> Path:
    """Four epochs of two steps, one of warm-up, stopped after three steps."""
    out = tmp_path / "run"
    with pytest.raises(StoppedBySignal):
        pretrain(make_pretrain_config(), data=finished.folder, out=out, report=Watch(3))
    return out


def rates(run: Path) -> list[float]:
    return [line["lr"] for line in read_metrics(run / "metrics.jsonl")]


def cosine(begin: float, floor: float, index: int, steps: int) -> float:
    return floor + (begin - floor) * (1 + math.cos(math.pi * index / steps)) / 2


def test_extended_run_continues_its_rate_to_the_new_end(
    begun: Path, finished: PreparedDataset, make_pretrain_config: MakeConfig
) -> None:
    watch, floor, peak = Watch(), 1e-5 * 4 / 256, 0.05 * 4 / 256

    pretrain(
        make_pretrain_config(epochs=7), data=finished.folder, out=begun, resume=True, report=watch
    )

    there = cosine(peak, floor, 1, 6)  # step 3 of the run of 8, two of them warm-up
    wanted = [peak / 2, peak, peak, *(cosine(there, floor, k, 11) for k in range(11))]
    assert rates(begun) == pytest.approx(wanted)
    assert (
        f"the learning rate continues from {there:.3g} to {floor:.3g} at the new end" in watch.lines
    )
    assert read_settings(begun / "config.yaml")["train"]["epochs"] == 7
    assert any("train.epochs 4 -> 7" in line for line in watch.lines)


def test_extended_run_stopped_after_the_change_is_identical(
    begun: Path, finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config, data = make_pretrain_config(epochs=6), finished.folder
    other = tmp_path / "other"
    with pytest.raises(StoppedBySignal):
        pretrain(make_pretrain_config(), data=data, out=other, report=Watch(3))
    pretrain(config, data=data, out=other, resume=True)

    with pytest.raises(StoppedBySignal):
        pretrain(config, data=data, out=begun, resume=True, report=Watch(4))
    pretrain(config, data=data, out=begun, resume=True)

    ours, theirs = (load_checkpoint(run / "checkpoints" / "last.pt") for run in (begun, other))
    assert ours.step == theirs.step == 12
    assert all(torch.equal(ours.model[name], theirs.model[name]) for name in theirs.model)
    assert rates(begun) == rates(other)


def test_extended_run_may_end_earlier(
    begun: Path, finished: PreparedDataset, make_pretrain_config: MakeConfig
) -> None:
    pretrain(make_pretrain_config(epochs=2), data=finished.folder, out=begun, resume=True)

    assert len(rates(begun)) == 4
    assert read_json(begun / "status.json")["state"] == "finished"


def test_extended_finished_run_stays_at_its_lowest_rate_and_names_the_alternative(
    begun: Path, finished: PreparedDataset, make_pretrain_config: MakeConfig
) -> None:
    data, watch = finished.folder, Watch()
    pretrain(make_pretrain_config(), data=data, out=begun, resume=True)

    pretrain(make_pretrain_config(epochs=5), data=data, out=begun, resume=True, report=watch)

    assert rates(begun)[8:] == pytest.approx([1e-5 * 4 / 256] * 2)
    (said,) = (
        line for line in watch.lines if line.startswith("the learning rate stays at 1.56e-07")
    )
    assert said.endswith(f"--init {begun} --out NEW")


def test_extended_run_with_past_end_is_refused_unchanged(
    begun: Path, finished: PreparedDataset, make_pretrain_config: MakeConfig
) -> None:
    before = (begun / "config.yaml").read_text()

    with pytest.raises(
        UsageError, match=r"--epochs 1 ends at step 2, and .* is at step 3 .*--init"
    ):
        pretrain(make_pretrain_config(epochs=1), data=finished.folder, out=begun, resume=True)

    assert (begun / "config.yaml").read_text() == before
    assert read_json(begun / "status.json")["state"] == "stopped"


def test_extended_run_with_zero_rate_is_refused(
    finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    def config(epochs: int) -> PretrainConfig:
        made = make_pretrain_config(epochs=epochs)
        return made.model_copy(update={"optim": made.optim.model_copy(update={"min_lr": 0.0})})

    out = pretrain(config(2), data=finished.folder, out=tmp_path / "ended")

    with pytest.raises(UsageError, match=r"learning rate of 0, .*--init"):
        pretrain(config(3), data=finished.folder, out=out, resume=True)
