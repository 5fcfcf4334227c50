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
from avme.train.metrics.meter import MEASURED

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


def test_the_run_folder_says_everything_about_the_run(
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


def test_exported_weights_are_those_of_the_last_checkpoint(pretrained: Path) -> None:
    exported = load_file(pretrained / "weights.safetensors")
    checkpoint = load_checkpoint(pretrained / "checkpoints" / "last.pt").model

    assert exported.keys() == checkpoint.keys()
    assert all(torch.equal(exported[name], checkpoint[name]) for name in exported)


def test_every_step_is_recorded_with_both_errors_and_the_loss_falls(
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_run_that_is_stopped_and_resumed_ends_bit_for_bit_as_one_that_is_not(
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


def test_a_signal_before_the_first_step_leaves_a_run_of_no_steps_that_goes_on(
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


def test_a_signal_at_the_last_step_does_not_keep_a_run_from_its_end(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    stop = Interrupting(8, signal.SIGUSR1)

    run = pretrain(make_pretrain_config(), data=finished.folder, out=tmp_path / "run", report=stop)

    assert json.loads((run / "status.json").read_text())["state"] == "finished"
    ours, theirs = (load_file(each / "weights.safetensors") for each in (run, pretrained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_line_of_metrics_does_not_tell_that_the_run_was_stopped(
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


def test_average_and_loss_scale_go_on_bit_for_bit_after_a_stop(
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


@pytest.mark.parametrize("damage", ["torn", "flipped", "gone"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(
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
    assert all("going on from previous.pt" in line for line in warned)
    ours, theirs = (load_file(run / "weights.safetensors") for run in (out, pretrained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_workers_do_not_change_what_is_learnt(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    run = pretrain(make_pretrain_config(num_workers=2), data=finished.folder, out=tmp_path / "run")

    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (run, pretrained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_folder_is_not_written_over(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig
) -> None:
    with pytest.raises(UsageError, match="--resume continues it, --overwrite replaces it"):
        pretrain(make_pretrain_config(), data=finished.folder, out=pretrained)


def test_resuming_with_other_settings_names_the_key_and_both_values(
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


def test_an_unfinished_set_is_not_trained_on(
    make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=r"run `avme prep`"):
        pretrain(make_pretrain_config(), data=tmp_path / "nothing", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(None, {"step-2.pt", "step-4.pt", "step-6.pt", "step-8.pt"}), (1, {"step-8.pt"})],
)
def test_checkpoints_that_are_to_be_kept_are_kept(
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


def test_half_decoding_is_logged_with_what_it_really_was(
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
