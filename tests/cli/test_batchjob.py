"""`avme pretrain --slurm`: the script that is submitted trains, stops on the signal, and goes on.

Slurm itself is played by three small programs.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.artifacts import read_json
from avme.config import PrepConfig
from avme.config.slurm import JobConfig
from avme.report import Quiet
from avme.stages.intent import Request
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
import multiprocessing, os, runpy, signal, sys
import avme.stages.pretrain  # once for both tasks, which are forks

def work(rank):
    os.environ |= dict(SLURM_STEP_ID="0", SLURM_STEP_NUM_TASKS="2", SLURM_STEP_TASKS_PER_NODE="2")
    os.environ |= dict(SLURM_STEP_NODELIST="127.0.0.1", SLURM_NODEID="0", MASTER_PORT="{port}")
    os.environ |= dict(SLURM_PROCID=rank, SLURM_LOCALID=rank)
    sys.argv = sys.argv[5:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

assert sys.argv[1:6] == ["--kill-on-bad-exit=0", "--cpus-per-task=8", "{python}", "-m", "avme_cli"]
tasks = [multiprocessing.get_context("fork").Process(target=work, args=(rank,)) for rank in "01"]
for task in tasks:
    task.start()
signal.signal(signal.SIGUSR1, lambda number, _: [os.kill(task.pid, number) for task in tasks])
for task in tasks:
    task.join()
sys.exit(max(task.exitcode for task in tasks))
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
    config = PrepConfig(workers=1)
    request = Request("folder", tmp_path / "videos", out=tmp_path, name="set", config=config)
    prepare(request, report=Quiet())
    data = tmp_path / "set"
    settings = ["clip.size=16", "clip.num_frames=4", "clip.stride=2", "model.visual.patch=8"]
    settings += [
        "model.visual.depth=1",
        "model.audio.widths=[8,8,8,16]",
        "model.audio.blocks=[1,1,1,1]",
        "train.batch=2",
        "train.epochs=40",
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
    assert (tmp_path / "runs/.slurm/one.submitted").is_file()

    script, record = tmp_path / "runs/.slurm/one.sbatch", tmp_path / "runs/one/metrics.jsonl"
    job = subprocess.Popen(["bash", str(script)], env=slurm, start_new_session=True)
    deadline = time.monotonic() + 120
    while not read_record(record) and time.monotonic() < deadline:
        time.sleep(0.01)
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
    assert srun.startswith("srun --kill-on-bad-exit=0 --cpus-per-task=8 ")
    assert srun.endswith("-m avme_cli pretrain --out 'my runs/a' \"${begin[@]}\"")


def test_slurm_reads_names_and_paths_as_they_are(tmp_path: Path) -> None:
    run = tmp_path / """50 % "a' #1/b\\c"""
    settings = JobConfig(account="my lab")

    asked = [
        shlex.split(line.removeprefix("#SBATCH "))  # in double quotes sbatch reads as a shell does
        for line in batch_script(settings, ["pretrain"], run, []).splitlines()
        if line.startswith("#SBATCH")
    ]

    assert {len(words) for words in asked} == {1}
    options = [words[0] for words in asked]
    assert {"--job-name=b\\c", "--account=my lab"} < set(options)
    output = next(option for option in options if option.startswith("--output"))
    assert output == f"--output={str(run.parent).replace('%', '%%')}/.slurm/b\\c-%j.out"


@pytest.mark.parametrize(
    ("count", "given", "saved", "begin"),
    [
        ("0", "--overwrite", "", "--overwrite"),
        ("1", "--overwrite", "", "--overwrite"),
        ("1", "--overwrite", "last", "--resume"),
        ("2", "--overwrite", "previous", "--resume"),
        ("0", "--overwrite", "older", "--overwrite"),
        ("1", "--overwrite", "older", "--overwrite"),
        ("1", "--resume", "older", "--resume"),
    ],
)
def test_a_restart_resumes_what_there_is_of_this_run(
    count: str,
    given: str,
    saved: str,
    begin: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (".slurm", "run/checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".slurm/run.submitted").touch()
    if saved:
        checkpoint = tmp_path / f"run/checkpoints/{saved.replace('older', 'last')}.pt"
        checkpoint.touch()
        moment = time.time() + (-60 if saved == "older" else 60)
        os.utime(checkpoint, (moment, moment))
    script = batch_script(JobConfig(), ["pretrain"], Path("run"), [given])
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
