"""A lock keeps the second out, and nothing of it stays."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from threading import Timer

import pytest

from avme.errors import UsageError
from avme.io.lock import holding, is_held

HOLD = """
import sys, time
from pathlib import Path
from avme.io.lock import holding

with holding(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_holding_a_held_lock_is_refused_until_released(tmp_path: Path) -> None:
    with holding(tmp_path / "set"):
        with pytest.raises(UsageError, match="another `avme prep` is running") as caught:
            holding(tmp_path / "set").__enter__()
        with holding(tmp_path / "set", "prep-2-of-8"):
            pass

    assert caught.value.exit_code == 2
    with holding(tmp_path / "set"):
        pass
    assert list((tmp_path / "set").iterdir()) == []


def test_holding_after_kill_of_the_holder_succeeds(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(UsageError), holding(tmp_path):
        pass

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    with holding(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_others_can_see_whether_it_is_held(tmp_path: Path) -> None:
    assert not is_held(tmp_path, "run")
    with holding(tmp_path, "run"):
        assert is_held(tmp_path, "run")
        assert not is_held(tmp_path, "prep")

    (tmp_path / ".run.lock").touch()  # as a killed holder leaves it
    assert not is_held(tmp_path, "run")


def test_holding_shared_locks_excludes_an_exclusive_one(tmp_path: Path) -> None:
    with holding(tmp_path, shared=True):
        with holding(tmp_path, shared=True):
            pass
        with pytest.raises(UsageError), holding(tmp_path):
            pass

    with holding(tmp_path), pytest.raises(UsageError), holding(tmp_path, shared=True):
        pass


def test_patience_outlasts_a_short_holder(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("sleep(60)", "sleep(1)"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"

    with holding(tmp_path, patience_seconds=30.0):
        assert process.wait(timeout=10) == 0
    process.stdout.close()


def test_is_held_excludes_no_holder(tmp_path: Path) -> None:
    looking = os.open(tmp_path / ".run.lock", os.O_RDONLY | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)  # as `is_held` does for a moment
    Timer(0.1, os.close, [looking]).start()

    with holding(tmp_path, "run"):
        assert is_held(tmp_path, "run")


def test_is_held_after_suspension_checks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = os.open(tmp_path / ".run.lock", os.O_RDONLY | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_SH)
    clock = count(step=1000)
    monkeypatch.setattr("avme.io.lock.time.monotonic", lambda: float(next(clock)))
    Timer(0.1, os.close, [looking]).start()

    with holding(tmp_path, "run"):
        assert is_held(tmp_path, "run")


def test_holding_a_lock_deleted_meanwhile_keeps_the_next_one(
    tmp_path: Path,
) -> None:
    first = holding(tmp_path)
    first.__enter__()
    (tmp_path / ".prep.lock").unlink()

    with holding(tmp_path):
        first.__exit__(None, None, None)
        assert is_held(tmp_path, "prep")
        with pytest.raises(UsageError), holding(tmp_path):
            pass


def test_holding_a_lock_deleted_on_another_machine_creates_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, answers = fcntl.flock, [OSError(errno.ESTALE, "Stale file handle")]

    def flock(handle: int, kind: int) -> None:
        if answers:  # what NFS says
            (tmp_path / ".prep.lock").unlink()
            raise answers.pop()
        real(handle, kind)

    monkeypatch.setattr(fcntl, "flock", flock)

    with holding(tmp_path):
        assert is_held(tmp_path, "prep")
