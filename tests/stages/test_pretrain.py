"""Pretraining leaves a whole run folder, learns, and goes on exactly where it was."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from avme.checkpoint.file import load_checkpoint
from avme.config import PretrainConfig
from avme.config.resolve import from_yaml
from avme.errors import ArtifactError, MismatchError, StoppedBySignal, UsageError
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics
from avme.train.metrics.metric_meter import MEASURED

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., PretrainConfig]


class Hearing:
    """A reporter that remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["Hearing"]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        pass


class Interrupting:
    """A reporter that sends this process a signal after some steps."""

    def __init__(self, after: int, number: signal.Signals) -> None:
        self.left, self.number = after, number

    def log(self, line: str) -> None:
        pass

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["Interrupting"]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left == 0:
            os.kill(os.getpid(), self.number)


def test_pretrain_writes_config_and_derived_values(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig
) -> None:
    derived = json.loads((pretrained / "derived.json").read_text())
    status = json.loads((pretrained / "status.json").read_text())

    config = from_yaml(PretrainConfig, (pretrained / "config.yaml").read_text())
    assert config == make_pretrain_config()
    assert (derived["dataset"], derived["fingerprint"]) == (finished.name, finished.fingerprint)
    assert derived["tokens"] == 32
    assert derived["seen_tokens"] == 8
    assert derived["effective_mask_ratio"] == 0.75
    assert (derived["predicted_tokens"], derived["effective_decoder_ratio"]) == (24, 0.0)
    assert (derived["steps_per_epoch"], derived["total_steps"]) == (2, 8)
    assert derived["learning_rate"] == pytest.approx(0.05 * 4 / 256)
    assert derived["forward_gflop_per_clip"] > 0
    assert (status["stage"], status["state"]) == ("pretrain", "finished")
    assert {"env.json", "command.txt", "train.log", "tb"} <= {f.name for f in pretrained.iterdir()}


def test_pretrain_exports_weights_of_last_checkpoint(pretrained: Path) -> None:
    exported = load_file(pretrained / "weights.safetensors")
    checkpoint = load_checkpoint(pretrained / "checkpoints" / "last.pt").model

    assert exported.keys() == checkpoint.keys()
    assert all(torch.equal(exported[name], checkpoint[name]) for name in exported)


def test_pretrain_records_every_step_and_loss_falls(
    finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_pretrain_config(epochs=30)
    run = pretrain(config, data=finished.folder, out=tmp_path / "run")
    lines = read_metrics(run / "metrics.jsonl")

    assert [line["step"] for line in lines] == list(range(1, 61))
    assert {"mse_pixel_masked", "mse_normalized_all", "psnr_db_masked", "clips_per_second"} <= set(
        lines[0]
    )
    losses = [line["loss"] for line in lines]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_pretrain_with_signal_before_first_step_can_be_resumed(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    class AtOnce(Interrupting):
        def log(self, line: str) -> None:
            self.advance()

    given: dict[str, Any] = {"data": finished.folder, "out": tmp_path / "run", "preset": "tiny"}
    with pytest.raises(
        StoppedBySignal, match="stopped at step 0 of 8 by SIGUSR1, with a checkpoint"
    ):
        pretrain(make_pretrain_config(), report=AtOnce(1, signal.SIGUSR1), **given)
    run = pretrain(make_pretrain_config(), resume=True, **given)

    ours, theirs = (load_file(each / "weights.safetensors") for each in (run, pretrained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_pretrain_with_signal_at_last_step_finishes(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    stop = Interrupting(8, signal.SIGUSR1)

    run = pretrain(make_pretrain_config(), data=finished.folder, out=tmp_path / "run", report=stop)

    assert json.loads((run / "status.json").read_text())["state"] == "finished"
    ours, theirs = (load_file(each / "weights.safetensors") for each in (run, pretrained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_pretrain_resumed_writes_the_same_metrics(
    finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config, out = make_pretrain_config(log_every=3), tmp_path / "run"
    whole = pretrain(config, data=finished.folder, out=tmp_path / "whole")

    stop = Interrupting(4, signal.SIGTERM)
    with pytest.raises(StoppedBySignal, match="step 4 of 8"):
        pretrain(config, data=finished.folder, out=out, report=stop)
    pretrain(config, data=finished.folder, out=out, resume=True)

    ours, theirs = (read_metrics(run / "metrics.jsonl") for run in (out, whole))
    times = set(MEASURED)
    assert [line["step"] for line in ours] == [3, 6, 8]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        assert all(mine[name] == other[name] for name in mine.keys() - times)


@pytest.mark.parametrize("damage", ["torn", "flipped", "gone"])
def test_pretrain_with_damaged_last_checkpoint_resumes_from_previous(
    damage: str,
    finished: PreparedDataset,
    pretrained: Path,
    make_pretrain_config: MakeConfig,
    tmp_path: Path,
) -> None:
    config, out = make_pretrain_config(), tmp_path / "run"
    stop = Interrupting(5, signal.SIGTERM)
    with pytest.raises(StoppedBySignal):
        pretrain(config, data=finished.folder, out=out, preset="tiny", report=stop)
    last = out / "checkpoints" / "last.pt"
    content = bytearray(last.read_bytes())
    if damage == "torn":
        last.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 0x40
        last.write_bytes(content)
    else:
        last.unlink()  # killed between the two renames
    report = Hearing()

    pretrain(config, data=finished.folder, out=out, preset="tiny", resume=True, report=report)

    warned = [line for line in report.lines if "last.pt cannot be read" in line]
    assert len(warned) == (damage != "gone")
    assert all("continuing from previous.pt" in line for line in warned)
    ours, theirs = (load_file(run / "weights.safetensors") for run in (out, pretrained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_pretrain_into_existing_run_is_refused(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig
) -> None:
    with pytest.raises(UsageError, match="--resume continues it, --overwrite replaces it"):
        pretrain(make_pretrain_config(), data=finished.folder, out=pretrained)


def test_pretrain_resumed_with_other_settings_is_refused(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig
) -> None:
    with pytest.raises(MismatchError, match=r"train\.batch_size 4 -> 2"):
        pretrain(
            make_pretrain_config(batch_size=2),
            data=finished.folder,
            out=pretrained,
            preset="tiny",
            resume=True,
        )


def test_pretrain_on_unfinished_dataset_is_refused(
    make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=r"run `avme prep`"):
        pretrain(make_pretrain_config(), data=tmp_path / "nothing", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_pretrain_with_partial_decoding_records_the_effective_share(
    finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_pretrain_config(activation_checkpointing=True)
    mask = config.mask.model_copy(update={"decoder_ratio": 0.4})
    config = config.model_copy(update={"mask": mask})

    run = pretrain(config, data=finished.folder, out=tmp_path / "half")

    derived = json.loads((run / "derived.json").read_text())
    last = read_metrics(run / "metrics.jsonl")[-1]
    assert (derived["predicted_tokens"], derived["effective_decoder_ratio"]) == (14, 1 - 7 / 12)
    assert "mse_pixel_masked" in last
    assert not any(name.endswith("_all") for name in last)
