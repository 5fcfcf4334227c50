"""`avme pretrain --slurm`: the script that is submitted trains, stops on the signal, and goes on.

Slurm itself is played by three small programs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.artifacts import read_json
from avme.config import PrepConfig
from avme.config.slurm import JobConfig
from avme.report import Quiet
from avme.stages.prep import prepare
from avme.train.record import read_record
from avme_cli.batchjob import batch_script

SBATCH = """#!/bin/bash
[ "$1" = --parsable ] && echo "77;cluster"
"""
SCONTROL = """#!/bin/bash
echo "$@" >> scontrol.log
"""
SRUN = """#!{python}
import os, signal, subprocess, sys
step = dict(SLURM_STEP_ID="0", SLURM_STEP_NUM_TASKS="2", SLURM_STEP_TASKS_PER_NODE="2")
step |= dict(SLURM_STEP_NODELIST="127.0.0.1", SLURM_NODEID="0", MASTER_PORT="{port}")
assert sys.argv[1] == "--kill-on-bad-exit=0"
tasks = [
    subprocess.Popen(sys.argv[2:], env=os.environ | step | dict(SLURM_PROCID=r, SLURM_LOCALID=r))
    for r in "01"
]
signal.signal(signal.SIGUSR1, lambda number, _: [task.send_signal(number) for task in tasks])
sys.exit(max(task.wait() for task in tasks))
"""


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with Slurm."""
    programs = tmp_path / "bin"
    programs.mkdir()
    srun = SRUN.format(python=sys.executable, port=15_000 + os.getpid() % 15_000)
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL), ("srun", srun)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "SLURM_JOB_ID": "77", "OMP_NUM_THREADS": "1"}


def test_a_job_stops_on_the_signal_and_resumes(
    slurm: dict[str, str], make_video: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(8):
        make_video(tmp_path / f"videos/class{number % 2}/clip{number}.avi")
    prep: dict[str, Any] = {
        "out": tmp_path,
        "name": "set",
        "splits": None,
        "config": PrepConfig(workers=1),
    }
    prepare("folder", tmp_path / "videos", **prep, report=Quiet())
    data = tmp_path / "set"
    settings = ["clip.size=16", "clip.num_frames=4", "clip.stride=2", "model.visual.patch=8"]
    settings += [
        "model.visual.depth=1",
        "train.batch=2",
        "train.epochs=8",
        "train.workers=0",
        "train.log_every=1",
    ]
    settings += ["train.device=cpu", "slurm.gpus=0", "slurm.procs=2"]
    command = [sys.executable, "-m", "avme_cli", "pretrain", "--preset", "tiny", "--slurm"]
    command += ["--data", str(data), "--out", "runs/one"]
    command += [word for setting in settings for word in ("--set", setting)]
    submitted = subprocess.run(command, cwd=tmp_path, env=slurm, capture_output=True, text=True)
    assert submitted.returncode == 0, submitted.stderr
    assert submitted.stderr.startswith("job 77 submitted (runs/.slurm/one.sbatch)")

    script, record = tmp_path / "runs/.slurm/one.sbatch", tmp_path / "runs/one/metrics.jsonl"
    job = subprocess.Popen(["bash", str(script)], env=slurm, start_new_session=True)
    deadline = time.monotonic() + 120
    while not read_record(record) and time.monotonic() < deadline:
        time.sleep(0.05)
    subprocess.run(["pkill", "-USR1", "-P", str(job.pid)], check=True)

    assert job.wait(timeout=120) == 75
    assert (tmp_path / "scontrol.log").read_text() == "requeue 77\n"
    assert read_json(tmp_path / "runs/one/status.json")["state"] == "stopped"
    again = subprocess.run(["bash", str(script)], env=slurm | {"SLURM_RESTART_COUNT": "1"})
    assert again.returncode == 0
    status = read_json(tmp_path / "runs/one/status.json")
    assert status["state"] == "finished"
    steps = [line["step"] for line in read_record(record)]
    assert steps == list(range(1, len(steps) + 1))


def test_the_script_says_what_is_asked_of_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/tmp")
    settings = JobConfig(nodes=2, gpus=8, partition="gpu", options=("--constraint=h100",))

    script = batch_script(
        settings, ["pretrain", "--slurm", "--out", "my runs/a", "--resume"], Path("my runs/a"), []
    )

    lines = script.splitlines()
    asked = {line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")}
    assert {
        "--nodes=2",
        "--ntasks-per-node=8",
        "--gpus-per-node=8",
        "--cpus-per-task=8",
        "--mem=65536M",
        "--time=1440",
        "--signal=USR1@180",
        "--partition=gpu",
        "--requeue",
        "--constraint=h100",
    } < asked
    srun = next(line for line in lines if line.startswith("srun"))
    assert srun.endswith("-m avme_cli pretrain --out 'my runs/a' \"${begin[@]}\"")


@pytest.mark.parametrize(
    ("count", "saved", "begin"),
    [
        ("0", (), "--overwrite"),
        ("1", (), "--overwrite"),
        ("1", ("last",), "--resume"),
        ("2", ("previous",), "--resume"),
    ],
)
def test_a_restart_resumes_what_there_is(
    count: str, saved: tuple[str, ...], begin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in saved:
        (tmp_path / "run/checkpoints").mkdir(parents=True)
        (tmp_path / f"run/checkpoints/{name}.pt").touch()
    script = batch_script(JobConfig(), ["pretrain"], Path("run"), ["--overwrite"])
    said = script.replace("srun ", "echo ")

    done = subprocess.run(
        ["bash", "-c", said],
        env=os.environ | {"SLURM_RESTART_COUNT": count},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split()[-1] == begin


def test_a_machine_without_slurm_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/dataset.json").write_text("{}")
    command = [sys.executable, "-m", "avme_cli", "pretrain", "--slurm", "--data", "set"]

    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PATH": ""}, capture_output=True, text=True
    )

    assert done.returncode == 6
    assert done.stderr.startswith("error: --slurm needs Slurm's sbatch, which is not on this")
