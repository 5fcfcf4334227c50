"""Child processes with a time limit, a memory limit and a guaranteed end."""

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


def kill_all() -> None:
    """Kill every child of this process, which is about to exit without waiting for them.

    A thread that waits for a child is not informed and blocks.
    """
    _ending.set()
    for process in list(_running):
        _kill_group(process)


def block_if_exiting() -> None:
    """Block if this process is exiting, so that killed children are not reported as failures."""
    if _ending.is_set():
        threading.Event().wait()


def start_python(program: str, fd: int, **env: str) -> "subprocess.Popen[bytes]":
    """Start a Python process with a copy of `fd`; it ignores Ctrl-C at first."""
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


def ignore_sigint() -> None:
    """Ignore Ctrl-C, which reaches all processes of a terminal: the parent stops this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def limit_memory(process: subprocess.Popen[bytes], num_bytes: int) -> None:
    """Limit the memory growth of a process, where the system can.

    Set from outside, as code between fork and exec is unsafe in a process with threads.
    """
    if hasattr(resource, "prlimit"):
        with suppress(ProcessLookupError):  # already ended
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
            limit = num_bytes if hard < 0 else min(num_bytes, hard)
            resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, hard))


def wait_for_end(
    process: subprocess.Popen[bytes], timeout_seconds: float, read: Callable[[bytes], None]
) -> int | None:
    """Return the exit code, or None if the process had to be killed.

    `Popen.wait` with a timeout polls every 50 ms, which is as long as a short clip takes.

    Args:
        process: Child to wait for.
        timeout_seconds: Time limit.
        read: Receives the output of the child.
    """
    expired = threading.Event()

    def kill() -> None:
        expired.set()
        _kill_group(process)

    timer = threading.Timer(timeout_seconds, kill)
    timer.start()
    _running.add(process)
    if _ending.is_set():  # started after the others were killed
        _kill_group(process)
    try:
        while process.stderr and (piece := os.read(process.stderr.fileno(), _PIECE_BYTES)):
            read(piece)
        returncode = process.wait()
        block_if_exiting()
    finally:
        timer.cancel()
        _running.discard(process)
        _kill_group(process)  # only running if waiting was interrupted
        if process.stderr:
            process.stderr.close()
    return None if expired.is_set() else returncode


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its descendants: the child of a wrapper would survive."""
    if process.returncode is None:  # else its process id may have been reused
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
