"""Many processes behave like one: the same exit code, one line, and nothing lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.errors import SystemRequirementError, UsageError
from avme.system.cpu_count import available_cores
from avme_cli.launch.rank import rank
from avme_cli.launch.torchrun import device_setting, launch_ranks

pytestmark = pytest.mark.slow

Start = Callable[..., Any]

PARENT = """
import sys
from avme_cli.launch.rank import RankFailed
from avme_cli.launch.torchrun import run_torchrun
try:
    run_torchrun(2, sys.argv[1:])
except RankFailed as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""

CHILD = """
import os, signal, subprocess, sys, time
from avme_cli.launch.rank import join_launcher, write_failure

def is_dead(pid):
    return pid and open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] == "Z"

def stop(number, frame):
    write_failure("error: stopped, run again with --resume", 75)
    sys.exit(75)

rank = int(os.environ["RANK"])
what = sys.argv[1]
if what == "work":
    facts = [os.environ[name] for name in ("RANK", "WORLD_SIZE", "OMP_NUM_THREADS")]
    os.write(1, (" ".join(facts) + "\\n").encode())  # whole lines, though two ranks write
if what == "fail" and rank == 1:
    write_failure("error: clip 7 is broken", 4)
    sys.exit(4)
if what == "echo" and rank == 1:
    open("1.pid", "w").write(str(os.getpid()))
if what in ("die", "echo") and rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
if what == "echo" and rank == 0:
    # The parent looks away until both have ended.
    os.kill(os.getppid(), signal.SIGSTOP)
    while not (os.path.exists("1.pid") and is_dead(open("1.pid").read())):
        time.sleep(0.01)
    write_failure("error: process 1 is gone", 1, is_echo=True)
    subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -CONT {os.getppid()}"])
    os._exit(1)
if what == "wait":
    signal.signal(signal.SIGUSR1, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    os.write(1, b"ready\\n")
if what == "begin":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.write(1, b"ready\\n")
if what == "hang":
    join_launcher()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(1, f"{os.getpid()}\\n".encode())
if what != "work":
    time.sleep(60)
"""


@pytest.fixture
def parent(tmp_path: Path) -> list[str]:
    (tmp_path / "parent.py").write_text(PARENT)
    (tmp_path / "child.py").write_text(CHILD)
    return [str(tmp_path / "parent.py"), str(tmp_path / "child.py")]


def test_launch_ranks_gives_each_rank_its_share_of_the_cores(parent: list[str]) -> None:
    clean = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}

    done = subprocess.run(
        [sys.executable, *parent, "work"], capture_output=True, text=True, check=True, env=clean
    )

    threads = available_cores(2)
    assert sorted(done.stdout.splitlines()) == [f"0 2 {threads}", f"1 2 {threads}"]
    assert done.stderr == ""


def test_launch_ranks_with_error_of_any_rank_prints_one_line_and_its_exit_code(
    parent: list[str], start: Start
) -> None:
    done = start([*parent, "fail"])

    assert (done.wait(), done.said) == (4, "error: clip 7 is broken\n")


def test_launch_ranks_with_killed_rank_names_it(parent: list[str], start: Start) -> None:
    done = start([*parent, "die"])

    assert done.wait() == 1
    assert done.said == "error: rank 1 was killed by signal 9 (out of memory?)\n"


def test_launch_ranks_with_killed_rank_names_it_after_secondary_errors(
    parent: list[str], start: Start, tmp_path: Path
) -> None:
    done = start([*parent, "echo"], cwd=tmp_path)

    assert done.wait() == 1
    assert done.said == "error: rank 1 was killed by signal 9 (out of memory?)\n"


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM, signal.SIGINT])
def test_launch_ranks_forwards_a_signal_and_returns_its_code(
    number: signal.Signals, parent: list[str], start: Start
) -> None:
    running = start([*parent, "wait"])
    deadline = time.monotonic() + 60
    while running.printed != "ready\nready\n" and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)  # torchrun installs its handlers after its children start
    os.kill(running.pid, number)

    assert running.wait() == 75
    assert running.said == "error: stopped, run again with --resume\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGUSR1, 75), (signal.SIGINT, 130)])
def test_ranks_that_a_signal_ends_before_their_first_lines_have_trained_nothing(
    number: signal.Signals, code: int, parent: list[str], start: Start
) -> None:
    running = start([*parent, "begin"])
    deadline = time.monotonic() + 60
    while running.printed != "ready\nready\n" and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    os.kill(running.pid, number)

    assert running.wait() == code
    assert "nothing was trained yet, run the same command again" in running.said
    assert running.said.count("\n") == 1


def test_launch_ranks_ends_hanging_ranks_at_a_second_ctrl_c(
    parent: list[str], start: Start
) -> None:
    running = start([*parent, "hang"])
    deadline = time.monotonic() + 60
    while running.printed.count("\n") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)  # torchrun installs its handlers after its children start
    ranks = [Path(f"/proc/{pid}") for pid in running.printed.split()]
    os.kill(running.pid, signal.SIGINT)
    time.sleep(0.5)
    assert running.poll() is None

    os.kill(running.pid, signal.SIGINT)

    assert running.wait(20) == 130
    while any(rank.exists() for rank in ranks) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(rank.exists() for rank in ranks)


def test_launch_ranks_keeps_a_signal_ignored_that_was_ignored_at_the_start(
    parent: list[str],
) -> None:
    deaf = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, *parent, "wait"]  # nohup

    with subprocess.Popen(
        deaf, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert [running.stdout.readline() for _ in range(2)] == ["ready\n", "ready\n"]
        time.sleep(0.5)
        running.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=1.0)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)

    assert (running.returncode, err) == (75, "error: stopped, run again with --resume\n")


def test_launch_ranks_with_one_process_uses_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)

    assert not launch_ranks(gpus=None, procs=None)
    assert not launch_ranks(gpus=None, procs=1)


def test_inside_a_distributed_run_nothing_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "2")

    assert rank() == 2
    assert not launch_ranks(gpus=8, procs=None)


def test_launch_ranks_with_more_gpus_than_exist_is_a_machine_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RANK", raising=False)

    with pytest.raises(
        SystemRequirementError, match="--gpus 512 asks for more GPUs than this machine has"
    ):
        launch_ranks(gpus=512, procs=None)


@pytest.mark.parametrize(
    ("device", "gpus", "procs", "setting"),
    [
        (None, None, None, None),
        ("auto", None, None, "auto"),
        (None, 4, None, "cuda"),
        ("cuda", 1, None, "cuda"),
        (None, None, 2, "cpu"),
        ("cpu", None, 2, "cpu"),
    ],
)
def test_device_setting_follows_gpus_and_procs(
    device: str | None, gpus: int | None, procs: int | None, setting: str | None
) -> None:
    assert device_setting(device, gpus, procs) == setting


@pytest.mark.parametrize(
    ("device", "gpus", "procs"), [("cpu", 2, None), ("cuda", None, 2), (None, 2, 2)]
)
def test_devices_that_contradict_each_other_are_refused(
    device: str | None, gpus: int | None, procs: int | None
) -> None:
    with pytest.raises(UsageError):
        device_setting(device, gpus, procs)
