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

import pytest

from avme.artifacts import read_json
from avme.config import PretrainConfig
from avme.config.resolve import to_yaml
from avme.data.prepared import PreparedSet
from avme.train.record import read_record

MakeConfig = Callable[..., PretrainConfig]


def command(data: Path, config: Path, out: Path, *more: str) -> list[str]:
    places = ["--data", str(data), "--config", str(config), "--out", str(out)]
    return [sys.executable, "-m", "avme_cli", "pretrain", "--preset", "tiny", *places, *more]


@pytest.fixture
def settings(make_pretrain_config: MakeConfig, tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(to_yaml(make_pretrain_config(checkpoint_minutes=0.0001)))
    return path


def test_one_process_and_two_give_the_same_losses(
    finished: PreparedSet, pretrained: Path, settings: Path, tmp_path: Path
) -> None:
    argv = command(finished.folder, settings, tmp_path / "two", "--procs", "2")
    made = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stderr

    one, two = (
        [line["loss"] for line in read_record(run / "metrics.jsonl")]
        for run in (pretrained, tmp_path / "two")
    )
    assert len(one) == 8
    assert two == pytest.approx(one, rel=1e-5)


def test_two_processes_tell_the_same_of_gradients_and_attention(
    finished: PreparedSet, pretrained: Path, settings: Path, tmp_path: Path
) -> None:
    argv = command(finished.folder, settings, tmp_path / "two", "--procs", "2")
    subprocess.run(argv, capture_output=True, timeout=120, check=True)

    one, two = (read_record(run / "metrics.jsonl")[2] for run in (pretrained, tmp_path / "two"))
    assert one.keys() == two.keys()
    for name in ("grad_norm", "grad_norm_visual", "grad_norm_audio", "grad_norm_decoder"):
        assert two[name] == pytest.approx(one[name], rel=1e-3)
        assert one[name] > 0
    for name in ("entropy_visual_from_audio", "entropy_audio_from_visual"):
        assert 0 < two[name] <= 1
    assert "mfu" not in one  # a CPU is in no table


def torchrun(node: int, port: int, program: list[str]) -> list[str]:
    """An agent with one process, which stands for a machine."""
    place = ["--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1"]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "torch.distributed.run", *place, *meeting, *program[1:]]


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def process_of(parents: list[int], rank: int) -> int:
    """The process of a rank, found by its environment."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) in parents:
                environment = (stat.parent / "environ").read_bytes().split(b"\0")
                if f"RANK={rank}".encode() in environment:
                    return int(stat.parent.name)
    raise AssertionError(f"no process of rank {rank}")


def wait_for_a_line(run: Path) -> None:
    deadline = time.monotonic() + 120
    while not read_record(run / "metrics.jsonl") and time.monotonic() < deadline:
        time.sleep(0.05)


def test_two_nodes_give_the_losses_of_one_process(
    finished: PreparedSet, pretrained: Path, settings: Path, port: int, tmp_path: Path
) -> None:
    argv = command(finished.folder, settings, tmp_path / "two")
    nodes = [
        subprocess.Popen(torchrun(node, port, argv), stderr=subprocess.DEVNULL) for node in (0, 1)
    ]

    assert [node.wait(timeout=180) for node in nodes] == [0, 0]
    one, two = (
        [line["loss"] for line in read_record(run / "metrics.jsonl")]
        for run in (pretrained, tmp_path / "two")
    )
    assert len(one) == 8
    assert two == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize("rank", [0, 1])
def test_the_death_of_a_process_ends_its_siblings_and_is_noted(
    rank: int, finished: PreparedSet, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    settings, run = tmp_path / "settings.yaml", tmp_path / "run"
    settings.write_text(to_yaml(make_pretrain_config(epochs=10_000)))
    argv = command(finished.folder, settings, run, "--procs", "2")
    running = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    wait_for_a_line(run)

    began = time.monotonic()
    os.kill(process_of([running.pid], rank), signal.SIGKILL)
    _, said = running.communicate(timeout=120)

    assert running.returncode == 1
    assert time.monotonic() - began < 60
    reason = f"process {rank} was killed by signal 9 (out of memory?)"
    assert said.splitlines()[-1] == f"error: {reason}"
    status = read_json(run / "status.json")
    assert (status["state"], status["rank"], status["reason"]) == ("failed", rank, reason)


def test_the_death_of_a_process_ends_that_of_another_node(
    finished: PreparedSet, make_pretrain_config: MakeConfig, port: int, tmp_path: Path
) -> None:
    settings, run = tmp_path / "settings.yaml", tmp_path / "run"
    settings.write_text(to_yaml(make_pretrain_config(epochs=10_000)))
    argv = command(finished.folder, settings, run)
    nodes = [
        subprocess.Popen(torchrun(node, port, argv), stderr=subprocess.DEVNULL) for node in (0, 1)
    ]
    wait_for_a_line(run)

    began = time.monotonic()
    killed = process_of([node.pid for node in nodes], 1)
    os.kill(killed, signal.SIGKILL)

    assert [node.wait(timeout=120) for node in nodes] == [1, 1]
    assert time.monotonic() - began < 60
    status = read_json(run / "status.json")
    assert (status["state"], status["rank"]) == ("failed", 1)
    assert f"process {killed} on " in status["reason"]


def test_an_error_of_one_process_is_that_of_the_run(
    folder: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    settings, run = tmp_path / "settings.yaml", tmp_path / "run"
    settings.write_text(to_yaml(make_pretrain_config(epochs=10_000)))
    running = subprocess.Popen(
        command(folder, settings, run, "--procs", "2"), stderr=subprocess.PIPE, text=True
    )
    wait_for_a_line(run)

    for shard in (folder / "shards").iterdir():
        with shard.open("r+b") as file:
            file.write(bytes(shard.stat().st_size))
    _, said = running.communicate(timeout=120)

    assert running.returncode == 5
    assert "cannot be read" in said.splitlines()[-1]
    status = read_json(run / "status.json")
    assert status["state"] == "failed"
    assert status["rank"] in (0, 1)
    assert status["reason"].startswith("ArtifactError: ")
