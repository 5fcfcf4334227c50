"""The command with one process and with two: the same losses, and one end for all."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from avme.checkpoint.file import load_checkpoint
from avme.config import PretrainConfig
from avme.config.resolve import to_yaml
from avme.io.atomic import read_json
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., PretrainConfig]
Start = Callable[..., Any]


def command(data: Path, config: Path, out: Path, *more: str) -> list[str]:
    indices = ["--data", str(data), "--config", str(config), "--out", str(out)]
    return ["-m", "avme_cli", "pretrain", "--preset", "tiny", *indices, *more]


def losses(run: Path) -> list[float]:
    return [line["loss"] for line in read_metrics(run / "metrics.jsonl")]


@pytest.fixture(scope="module")
def settings(make_pretrain_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "settings.yaml"
    path.write_text(to_yaml(make_pretrain_config(checkpoint_minutes=0.0001)))
    return path


@pytest.fixture(scope="module")
def endless(make_pretrain_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "endless.yaml"
    path.write_text(to_yaml(make_pretrain_config(epochs=10_000)))
    return path


@pytest.fixture(scope="module")
def two(
    finished: PreparedDataset, settings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of two processes, started as people do; not to be changed."""
    run = tmp_path_factory.mktemp("two") / "run"
    argv = [sys.executable, *command(finished.folder, settings, run, "--procs", "2")]
    made = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stderr
    return run


def test_pretrain_on_one_and_two_ranks_has_equal_losses(pretrained: Path, two: Path) -> None:
    assert len(losses(pretrained)) == 8
    assert losses(two) == pytest.approx(losses(pretrained), rel=1e-5)


def test_pretrain_on_two_ranks_logs_equal_gradients_and_attention(
    pretrained: Path, two: Path
) -> None:
    one, other = (read_metrics(run / "metrics.jsonl")[2] for run in (pretrained, two))
    assert one.keys() == other.keys()
    for name in ("grad_norm", "grad_norm_visual", "grad_norm_audio", "grad_norm_decoder"):
        assert other[name] == pytest.approx(one[name], rel=1e-3)
        assert one[name] > 0
    for name in ("entropy_visual_from_audio", "entropy_audio_from_visual"):
        assert 0 < other[name] <= 1
    assert "mfu" not in one  # a CPU is in no table


def test_pretrain_on_two_ranks_averages_weights_and_scales_float16_as_one(
    finished: PreparedDataset, make_pretrain_config: MakeConfig, start: Start, tmp_path: Path
) -> None:
    config = make_pretrain_config(ema_decay=0.7, precision="fp16")
    settings, run = tmp_path / "settings.yaml", tmp_path / "two"
    settings.write_text(to_yaml(config))

    made = start(command(finished.folder, settings, run, "--procs", "2"))
    assert made.wait() == 0, made.said
    alone = pretrain(config, data=finished.folder, out=tmp_path / "one", preset="tiny")

    ours, theirs = (load_checkpoint(f / "checkpoints" / "last.pt") for f in (run, alone))
    assert losses(run) == pytest.approx(losses(alone), rel=1e-2)
    assert ours.scaler == theirs.scaler
    assert ours.average["updates"] == theirs.average["updates"] == 8
    torch.testing.assert_close(ours.weights, theirs.weights, rtol=0.1, atol=1e-2)
    exported = load_file(run / "weights.safetensors")
    assert all(torch.equal(exported[name], mean) for name, mean in ours.weights.items())


def torchrun(node: int, port: int, program: list[str]) -> list[str]:
    """An agent with one process, which stands for a machine."""
    index = ["--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1"]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}"]
    return ["-m", "torch.distributed.run", *index, *meeting, *program]


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def process_of(parents: list[int], rank: int) -> int:
    """The process of a rank, found by the name that tests/warm.py gives it."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if name == f"rank {rank}" and int(rest.split()[1]) in parents:
                return int(stat.parent.name)
    raise AssertionError(f"no process of rank {rank}")


def wait_for_a_line(run: Path) -> None:
    deadline = time.monotonic() + 120
    while not read_metrics(run / "metrics.jsonl") and time.monotonic() < deadline:
        time.sleep(0.01)


def test_pretrain_on_two_nodes_has_the_losses_of_one_rank(
    finished: PreparedDataset,
    pretrained: Path,
    settings: Path,
    port: int,
    start: Start,
    tmp_path: Path,
) -> None:
    argv = command(finished.folder, settings, tmp_path / "two")
    nodes = [start(torchrun(node, port, argv)) for node in (0, 1)]

    assert [node.wait() for node in nodes] == [0, 0]
    assert len(losses(pretrained)) == 8
    assert losses(tmp_path / "two") == pytest.approx(losses(pretrained), rel=1e-5)


@pytest.mark.parametrize("rank", [0, 1])
def test_killed_rank_ends_the_others_and_is_logged(
    rank: int, finished: PreparedDataset, endless: Path, start: Start, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    running = start(command(finished.folder, endless, run, "--procs", "2"))
    wait_for_a_line(run)

    began = time.monotonic()
    os.kill(process_of([running.pid], rank), signal.SIGKILL)

    assert running.wait() == 1
    assert time.monotonic() - began < 60
    reason = f"rank {rank} was killed by signal 9 (out of memory?)"
    assert running.said.splitlines()[-1] == f"error: {reason}"
    status = read_json(run / "status.json")
    assert (status["state"], status["rank"], status["reason"]) == ("failed", rank, reason)


def test_killed_rank_ends_that_of_another_node(
    finished: PreparedDataset, endless: Path, port: int, start: Start, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    argv = command(finished.folder, endless, run)
    nodes = [start(torchrun(node, port, argv)) for node in (0, 1)]
    wait_for_a_line(run)

    began = time.monotonic()
    killed = process_of([node.pid for node in nodes], 1)
    os.kill(killed, signal.SIGKILL)

    assert [node.wait() for node in nodes] == [1, 1]
    assert time.monotonic() - began < 60
    status = read_json(run / "status.json")
    assert (status["state"], status["rank"]) == ("failed", 1)
    assert f"process {killed} on " in status["reason"]


def test_error_of_one_rank_is_that_of_the_run(
    folder: Path, endless: Path, start: Start, tmp_path: Path
) -> None:
    for shard in (folder / "shards").iterdir():  # in the first clip of each
        shard.write_bytes(shard.read_bytes().replace(b"\xff\xd8\xff", b"\0\0\0", 4))
    run = tmp_path / "run"

    running = start(command(folder, endless, run, "--procs", "2"))

    assert running.wait() == 5
    assert "cannot be read" in running.said.splitlines()[-1]
    status = read_json(run / "status.json")
    assert status["state"] == "failed"
    assert status["rank"] in (0, 1)
    assert status["reason"].startswith("ArtifactError: ")
