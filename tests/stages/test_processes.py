"""The command with one process and with two: the same losses; killed and resumed: the same end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from avme.config import PretrainConfig
from avme.config.resolve import to_yaml
from avme.data.prepared import PreparedSet
from avme.train.checkpoint import load_checkpoint
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
    finished: PreparedSet, settings: Path, tmp_path: Path
) -> None:
    for name, procs in (("one", "1"), ("two", "2")):
        argv = command(finished.folder, settings, tmp_path / name, "--procs", procs)
        made = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert made.returncode == 0, made.stderr

    one, two = (
        [line["loss"] for line in read_record(tmp_path / name / "metrics.jsonl")]
        for name in ("one", "two")
    )
    assert len(one) == 8
    assert two == pytest.approx(one, rel=1e-4)


def test_two_processes_tell_the_same_of_gradients_and_attention(
    finished: PreparedSet, settings: Path, tmp_path: Path
) -> None:
    lines = {}
    for procs in ("1", "2"):
        argv = command(finished.folder, settings, tmp_path / procs, "--procs", procs)
        subprocess.run(argv, capture_output=True, timeout=120, check=True)
        lines[procs] = read_record(tmp_path / procs / "metrics.jsonl")[2]

    one, two = lines["1"], lines["2"]
    assert one.keys() == two.keys()
    for name in ("grad_norm", "grad_norm_visual", "grad_norm_audio", "grad_norm_decoder"):
        assert two[name] == pytest.approx(one[name], rel=1e-3)
        assert one[name] > 0
    for name in ("entropy_visual_from_audio", "entropy_audio_from_visual"):
        assert 0 < two[name] <= 1
    assert "mfu" not in one  # a CPU is in no table


def test_kill_9_in_the_middle_and_the_same_command_with_resume(
    finished: PreparedSet, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(to_yaml(make_pretrain_config(epochs=40)))
    argv = command(finished.folder, settings, tmp_path / "killed")
    subprocess.run(
        command(finished.folder, settings, tmp_path / "undisturbed"), check=True, timeout=120
    )

    running = subprocess.Popen(argv, start_new_session=True, stderr=subprocess.DEVNULL)
    record = tmp_path / "killed" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while len(read_record(record)) < 20 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert len(read_record(record)) < 80
    subprocess.run([*argv, "--resume"], check=True, timeout=120)

    killed, whole = (
        load_checkpoint(tmp_path / name / "checkpoints" / "last.pt")
        for name in ("killed", "undisturbed")
    )
    assert killed.step == whole.step == 80
    assert all(torch.equal(killed.model[name], whole.model[name]) for name in whole.model)
    assert [line["step"] for line in read_record(record)] == list(range(1, 81))
