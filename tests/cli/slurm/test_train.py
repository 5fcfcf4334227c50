"""`avme pretrain --slurm`: what a job does to the run that it finds, and how it ends."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.config import PrepConfig
from avme.config.slurm import JobConfig
from avme.errors import ArtifactError, AvmeError, UsageError
from avme.io.atomic import read_json
from avme.io.run_status import write_status
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.stages.prep import prepare
from avme.train.metrics.loggers import read_metrics
from avme_cli.slurm.train import devices, refuse_gpus_with_procs, submit_training, training_batch

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
RUN = Path("my runs/a")
SCRIPT = Path("my runs/.slurm/a.sbatch")


def submit(
    *, resume: bool = False, overwrite: bool = False, run: Path = RUN, **settings: Any
) -> str:
    number: str = submit_training(
        JobConfig(**settings),
        device="auto",
        run=run,
        resume=resume,
        overwrite=overwrite,
        command="avme pretrain",
        report=NullReporter(),
    )
    return number


def leave(name: str, content: str = "weights", run: Path = RUN) -> Path:
    """A file of a run, as an earlier start or somebody else left it."""
    file = run / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    write_status(run, "pretrain", "stopped")
    return file


def begun(slurm: Any, **variables: str) -> str:
    """What a start of the job adds to the command line."""
    done = slurm.run(SCRIPT, **variables)
    assert done.returncode == 0, done.stderr
    command = shlex.join([sys.executable, "-m", "avme_cli", "pretrain", "--data", "a", "set"])
    words = slurm.noted("srun.log")[-1]
    assert words.startswith(command.replace("'", ""))
    return str(words.removeprefix(command).strip())


@pytest.mark.slow
def test_training_batch_stops_on_the_signal_and_resumes(
    slurm: Any, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(8):
        make_video(tmp_path / f"videos/class{number % 2}/clip{number}.avi")
    config = PrepConfig(num_workers=1)
    request = Request("folder", tmp_path / "videos", out=tmp_path, name="set", config=config)
    prepare(request, report=NullReporter())
    srun = SRUN.format(python=sys.executable, port=15_000 + os.getpid() % 15_000)
    (slurm.folder / "srun").write_text(srun)
    settings = [
        "clip.image_size=16",
        "clip.num_frames=4",
        "clip.frame_stride=2",
        "model.visual.patch_size=8",
    ]
    settings += [
        "model.visual.depth=1",
        "model.audio.widths=[8,8,8,16]",
        "model.audio.blocks=[1,1,1,1]",
        "train.batch_size=2",
        "train.epochs=8",
        "train.num_workers=0",
        "train.log_every=1",
    ]
    settings += ["train.device=cpu", "slurm.procs=2"]
    command = [sys.executable, "-m", "avme_cli", "pretrain", "--preset", "tiny", "--slurm"]
    command += ["--data", str(tmp_path / "set"), "--out", "runs/one"]
    command += [word for setting in settings for word in ("--set", setting)]
    submitted = subprocess.run(command, capture_output=True, text=True)
    assert submitted.returncode == 0, submitted.stderr
    assert submitted.stderr == (
        "job 77 submitted (runs/.slurm/one.sbatch); it prints to runs/.slurm/one-77.out\n"
    )

    script, record = Path("runs/.slurm/one.sbatch"), Path("runs/one/metrics.jsonl")
    environment = os.environ | {"SLURM_JOB_ID": "77", "OMP_NUM_THREADS": "1"}
    job = subprocess.Popen(["bash", str(script)], env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while not read_metrics(record) and time.monotonic() < deadline:
        time.sleep(0.01)
    subprocess.run(["pkill", "-USR1", "-P", str(job.pid)], check=True)

    assert job.wait(timeout=120) == 75
    assert slurm.noted("scontrol.log") == ["requeue 77"]
    assert read_json(Path("runs/one/status.json"))["state"] == "stopped"
    again = slurm.run(script, SLURM_RESTART_COUNT="1", OMP_NUM_THREADS="1")
    assert again.returncode == 0
    status = read_json(Path("runs/one/status.json"))
    assert status["state"] == "finished"
    steps = [line["step"] for line in read_metrics(record)]
    assert steps == list(range(1, len(steps) + 1))


LAST, WEIGHTS = "checkpoints/last.pt", "weights.safetensors"


@pytest.mark.parametrize(
    ("given", "before", "since", "restarts", "begin"),
    [
        ("", {}, {}, 0, ""),
        ("", {}, {}, 1, "--overwrite"),  # it ended before its first checkpoint
        ("", {}, {LAST: "own"}, 1, "--resume"),
        ("", {}, {"checkpoints/previous.pt": "own"}, 1, "--resume"),
        ("overwrite", {LAST: "old"}, {}, 0, "--overwrite"),
        ("overwrite", {LAST: "old"}, {}, 1, "--overwrite"),  # ... before it opened the folder
        ("overwrite", {LAST: "old", WEIGHTS: "old"}, {}, 1, "--overwrite"),
        ("overwrite", {LAST: "old"}, {LAST: "my own"}, 1, "--resume"),
        ("overwrite", {LAST: "old"}, {"checkpoints/step-5.pt": "own"}, 2, "--resume"),
        ("overwrite", {LAST: "old"}, {LAST: "another's"}, 0, "--resume"),
        ("overwrite", {LAST: "old"}, {WEIGHTS: "another's"}, 0, "--resume"),
        ("resume", {LAST: "old"}, {}, 0, "--resume"),
        ("resume", {LAST: "old"}, {}, 1, "--resume"),
    ],
)
def test_training_batch_with_overwrite_deletes_only_what_existed_at_submission(
    slurm: Any,
    given: str,
    before: dict[str, str],
    since: dict[str, str],
    restarts: int,
    begin: str,
) -> None:
    for name, content in before.items():
        leave(name, content)
    submit(resume=given == "resume", overwrite=given == "overwrite")
    for name, content in since.items():
        leave(name, content)

    assert begun(slurm, SLURM_RESTART_COUNT=str(restarts)) == begin


def test_times_that_others_move_decide_nothing(slurm: Any) -> None:
    submit()
    checkpoint = leave(LAST)
    os.utime(checkpoint, (1.0, 1.0))  # older than every submission
    for file in SCRIPT.parent.iterdir():
        file.touch()

    assert begun(slurm, SLURM_RESTART_COUNT="1") == "--resume"


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED"])
@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_submit_training_of_second_job_for_a_run_is_refused(
    slurm: Any, state: str, how: str
) -> None:
    submit()
    leave(LAST)
    script = SCRIPT.read_text()
    slurm.plays("squeue", f'[ "$4" = --jobs=77 ] && echo {state}')
    slurm.plays("sbatch", "echo 78")

    with pytest.raises(UsageError) as refused:
        submit(resume=how == "resume", overwrite=how == "overwrite")

    assert str(refused.value) == (
        f"job 77 for my runs/a is {state}: wait until it is over, end it with `scancel 77`, or "
        "choose another folder with --out"
    )
    assert SCRIPT.read_text() == script
    assert SCRIPT.with_suffix(".job").read_text() == "77\n"


def test_training_batch_after_requeue_continues_although_another_was_submitted(
    slurm: Any, tmp_path: Path
) -> None:
    submit()
    first = tmp_path / "spooled"  # Slurm keeps a copy of what was submitted
    first.write_text(SCRIPT.read_text())
    slurm.plays("srun", "exit 75")
    assert slurm.run(first).returncode == 75
    leave(LAST)
    submit(resume=True)  # squeue has forgotten the first one
    slurm.plays("srun", 'echo "$@" >> "$PLAYED_SLURM/srun.log"')

    assert slurm.run(first, SLURM_RESTART_COUNT="1").returncode == 0
    assert slurm.noted("srun.log")[-1].endswith(" --resume")


def test_submit_training_refuses_what_the_run_would_refuse(
    slurm: Any, tmp_path: Path, paths_below: Callable[[Path], set[str]]
) -> None:
    refusals: list[tuple[type[AvmeError], str, dict[str, Any]]] = [
        (UsageError, "is not empty", {}),
        (UsageError, "exclude each other", {"resume": True, "overwrite": True}),
        (ArtifactError, "before its first checkpoint", {"resume": True}),
    ]
    leave("config.yaml")
    there = paths_below(tmp_path)
    for error, text, how in refusals:
        with pytest.raises(error, match=text):
            submit(**how)
    with pytest.raises(ArtifactError, match="holds nothing to resume"):
        submit(run=Path("other/b"), resume=True)
    assert paths_below(tmp_path) == there


@pytest.mark.parametrize(
    ("code", "requeued", "said"),
    [
        (0, False, ""),
        (2, False, ""),
        (75, True, "stopped by a signal; my runs/a/checkpoints is kept; requeued"),
        (138, True, "stopped by a signal; my runs/a/checkpoints is kept; requeued"),
        (143, True, "stopped by a signal; my runs/a/checkpoints is kept; requeued"),
        (137, False, "killed; was slurm.memory_gb=64 too little? submit the command again, with"),
    ],
)
def test_training_batch_decides_by_the_exit_code(
    slurm: Any, code: int, requeued: bool, said: str
) -> None:
    submit()
    leave(LAST)
    slurm.plays("srun", f"exit {code}")

    done = slurm.run(SCRIPT, SLURM_RESTART_COUNT="30")

    assert done.returncode == code
    assert slurm.noted("scontrol.log") == (["requeue 77"] if requeued else [])
    first, *rest = done.stdout.splitlines()
    assert first == "job 77, start 31: avme pretrain --resume"
    assert len(rest) == bool(said)
    assert said in "".join(rest)


def test_training_batch_without_progress_is_not_requeued_forever(slurm: Any) -> None:
    submit(time_limit_minutes=9)
    idle = SCRIPT.parent / "a-77.idle"
    played = {"idle": "exit 138", "saves": f"echo more >> '{leave(LAST)}'; exit 75"}
    ends = []
    for what in ("idle", "idle", "idle", "saves", "idle", "idle", "idle", "idle"):
        slurm.plays("srun", played[what])
        ends.append(slurm.run(SCRIPT).stdout.splitlines()[-1])

    assert slurm.noted("scontrol.log") == ["requeue 77"] * 7
    assert ends[-1] == (
        "job 77: stopped by a signal in four consecutive starts without progress in "
        "my runs/a/checkpoints: raise slurm.time_limit_minutes (now 9); submit "
        "the command again, with --resume once it has written a checkpoint"
    )
    assert not idle.exists()


def test_training_batch_that_cannot_be_requeued_prints_the_command(slurm: Any) -> None:
    submit()
    slurm.plays("srun", "exit 75")
    slurm.plays("scontrol", "exit 1")

    done = slurm.run(SCRIPT)

    assert done.returncode == 75
    assert done.stdout.splitlines()[-1] == (
        "job 77 cannot be requeued: submit the command again, with --resume once it has written "
        "a checkpoint"
    )


def asked(settings: JobConfig, run: Path, gpus: int, processes: int) -> list[str]:
    batch = training_batch(
        settings, gpus=gpus, processes=processes, run=run, start=None, command="avme pretrain"
    )
    lines = batch.script().splitlines()
    return [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")]


def test_training_batch_contains_the_requested_resources() -> None:
    settings = JobConfig(nodes=2, gpus=8, partition="gpu", options=("--constraint=h100",))

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
    } < set(asked(settings, Path("my runs/a"), 8, 8))


def test_slurm_reads_names_and_paths_as_they_are(tmp_path: Path) -> None:
    run = tmp_path / """50 % "a' #1/b\\c"""

    # In double quotes sbatch reads as a shell does.
    words = [shlex.split(each) for each in asked(JobConfig(account="my lab"), run, 1, 1)]

    assert {len(each) for each in words} == {1}
    options = [each[0] for each in words]
    assert {"--job-name=b\\c", "--account=my lab"} < set(options)
    output = next(option for option in options if option.startswith("--output"))
    assert output == f"--output={str(run.parent).replace('%', '%%')}/.slurm/b\\c-%j.out"


@pytest.mark.parametrize(
    ("settings", "device", "expected"),
    [
        ({}, "auto", (1, 1)),
        ({}, "cuda", (1, 1)),
        ({}, "cpu", (0, 1)),
        ({"procs": 4}, "auto", (0, 4)),
        ({"procs": 4}, "cpu", (0, 4)),
        ({"gpus": 0}, "auto", (0, 1)),
        ({"gpus": 0, "procs": 2}, "cpu", (0, 2)),
        ({"gpus": 8}, "cuda", (8, 8)),
        ({"gpus": 1, "procs": 1}, "auto", (1, 1)),  # as runs of earlier versions have it
    ],
)
def test_cpus_are_trained_on_without_gpus(
    settings: dict[str, Any], device: str, expected: tuple[int, int]
) -> None:
    assert devices(JobConfig(**settings), device) == expected


@pytest.mark.parametrize(
    ("settings", "device", "line"),
    [
        ({"gpus": 2, "procs": 4}, "auto", "slurm.gpus 2 and slurm.procs 4 exclude each other"),
        ({"gpus": 2}, "cpu", "slurm.gpus 2 asks for GPUs that --device cpu does not use"),
        ({"procs": 2}, "cuda", "--device cuda needs GPUs"),
    ],
)
def test_gpus_that_nothing_would_use_are_not_asked_for(
    settings: dict[str, Any], device: str, line: str
) -> None:
    with pytest.raises(UsageError, match=line):
        devices(JobConfig(**settings), device)


def test_refuse_gpus_with_procs_allows_only_one_of_both() -> None:
    refuse_gpus_with_procs({"slurm.gpus": 0, "slurm.procs": 2})
    refuse_gpus_with_procs({"slurm.gpus": 2})
    with pytest.raises(UsageError, match=r"slurm\.gpus 1 and slurm\.procs 1 exclude each other"):
        refuse_gpus_with_procs({"slurm.gpus": 1, "slurm.procs": 1})
