"""A stop signal before the first step ends a training command with its documented exit code."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.train.distributed.early_stop import EarlyStop, StoppedEarly

TORCH = """
import ctypes, pathlib, time
pathlib.Path("importing").touch()
if pathlib.Path("deaf").exists():  # a call that looks at no signals
    mutex = ctypes.create_string_buffer(64)
    for _ in range(2):
        ctypes.CDLL(None).pthread_mutex_lock(mutex)
time.sleep(60)
"""
GREEDY = """
import os, pathlib, signal
pathlib.Path("importing").touch()
try:
    os.kill(os.getpid(), signal.SIGUSR1)
except:
    pass
raise RecursionError("of what is left of a module that caught everything")
"""
PROGRAM = """
import avme_cli
from avme.train.distributed import early_stop
early_stop._GRACE_SECONDS = 0.2
avme_cli.main()
"""
RANK = """
import sys, torch
from avme.train.distributed import early_stop, process_group
early_stop._GRACE_SECONDS = 0.2
early_stop.listen(lambda error: print(error, flush=True))
print("waiting", flush=True)
with process_group.init_distributed(torch.device("cpu")):
    pass
"""
NOTHING = "before training started: nothing was trained yet, run the same command again"


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert file.exists()


@pytest.fixture
def importing(tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    """Starts `avme pretrain` in a folder where importing torch takes a minute."""
    for name, text in (("torch/__init__.py", TORCH), ("set/dataset.json", "{}")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)

    def begin() -> subprocess.Popen[str]:
        running = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "pretrain", "--data", "set"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(tmp_path / "importing")
        return running

    return begin


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name", "code"),
    [
        (signal.SIGUSR1, "SIGUSR1", 75),
        (signal.SIGTERM, "SIGTERM", 75),
        (signal.SIGINT, "Ctrl-C", 130),
    ],
)
def test_early_stop_while_importing_torch_is_one_line_without_run_folder(
    number: signal.Signals,
    name: str,
    code: int,
    importing: Callable[[], subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    with importing() as running:
        running.send_signal(number)
        _, said = running.communicate(timeout=30)

    assert (running.returncode, said) == (code, f"error: stopped by {name} {NOTHING}\n")
    assert not (tmp_path / "runs").exists()


def test_early_stop_survives_a_module_that_catches_everything(
    importing: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "torch/__init__.py").write_text(GREEDY)

    with importing() as running:
        _, said = running.communicate(timeout=30)

    assert (running.returncode, said) == (75, f"error: stopped by SIGUSR1 {NOTHING}\n")


def test_early_stop_ends_a_main_thread_that_checks_no_signals(
    importing: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "deaf").touch()

    with importing() as running:
        time.sleep(0.1)  # between the mark and the call
        running.send_signal(signal.SIGUSR1)
        _, said = running.communicate(timeout=30)

    assert (running.returncode, said) == (75, f"error: stopped by SIGUSR1 {NOTHING}\n")


@pytest.mark.slow
def test_early_stop_ends_a_rank_that_waits_for_the_others(
    start: Callable[..., Any],
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        group = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        running = start(["-c", RANK], env=group)
        deadline = time.monotonic() + 60
        while "waiting" not in running.printed and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)  # it is in the call that waits

        os.kill(running.pid, signal.SIGUSR1)

        assert running.wait(30) == 75
    assert running.printed == f"waiting\nstopped by SIGUSR1 {NOTHING}\n"


@pytest.mark.slow
def test_early_stop_swallowed_by_a_module_is_known_to_the_run(start: Callable[..., Any]) -> None:
    program = """
import os, signal
from avme.train.distributed.early_stop import StoppedEarly, listen
from avme.train.distributed.stop_signals import stop_requests
listen(print)
try:
    os.kill(os.getpid(), signal.SIGTERM)
except StoppedEarly as error:
    print(error.exit_code)
with stop_requests() as request:
    print(request.signal)
    os.kill(os.getpid(), signal.SIGUSR1)
    print(request.signal)
"""
    running = start(["-c", program])

    assert (running.wait(30), running.printed) == (0, "75\nSIGTERM\nSIGUSR1\n"), running.said


def test_early_stop_without_threads_raises_at_a_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    request = EarlyStop(lambda error: None)
    try:
        with pytest.raises(StoppedEarly) as caught:
            request.note(signal.SIGTERM, None)
    finally:
        request.unwatch()

    assert caught.value.exit_code == 75
