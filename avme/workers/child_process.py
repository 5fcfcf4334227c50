"""A child process that cannot outlive what is waited for: a time limit, a memory limit, an end."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

_PIECE_BYTES = 65_536
_running: set[subprocess.Popen[bytes]] = set()
_ending = threading.Event()


def kill_running() -> None:
    """Ends every child of this process, which is about to end without waiting for them.

    Who waits for one does not hear of its end, and goes on with nothing.
    """
    _ending.set()
    for process in list(_running):
        _kill_group(process)


def stay_if_ending() -> None:
    """Does not return where this process is about to end: what its children say is no news."""
    if _ending.is_set():
        threading.Event().wait()


def start_python(program: str, fd: int, **env: str) -> "subprocess.Popen[bytes]":
    """A Python process with its copy of `fd`, deaf to Ctrl-C until `leave_stopping_to_parent`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", program],
            stdin=subprocess.DEVNULL,
            pass_fds=[fd],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | env,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_stopping_to_parent() -> None:
    """Ctrl-C reaches all processes of a terminal; this one was started deaf to it, and stays so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def limit_memory(process: subprocess.Popen[bytes], num_bytes: int) -> None:
    """Lets it grow by no more, where the system can.

    From outside, as code between fork and exec is unsafe in a process with threads.
    """
    if hasattr(resource, "prlimit"):
        with suppress(ProcessLookupError):  # it has ended already
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
            limit = num_bytes if hard < 0 else min(num_bytes, hard)
            resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, hard))


def wait_for_end(
    process: subprocess.Popen[bytes], timeout_seconds: float, read: Callable[[bytes], None]
) -> int | None:
    """The exit code, or None if the process had to be killed; `read` is given what it writes.

    `Popen.wait` with a timeout looks only every 50 ms, which is as long as a short clip takes.
    """
    expired = threading.Event()

    def kill() -> None:
        expired.set()
        _kill_group(process)

    timer = threading.Timer(timeout_seconds, kill)
    timer.start()
    _running.add(process)
    if _ending.is_set():  # it was started behind the back of who ended the others
        _kill_group(process)
    try:
        while process.stderr and (piece := os.read(process.stderr.fileno(), _PIECE_BYTES)):
            read(piece)
        returncode = process.wait()
        stay_if_ending()
    finally:
        timer.cancel()
        _running.discard(process)
        _kill_group(process)  # only still there if waiting was interrupted
        if process.stderr:
            process.stderr.close()
    return None if expired.is_set() else returncode


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """The process and whatever it started: a wrapper's child would go on alone."""
    if process.returncode is None:  # else its number may be another's by now
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
