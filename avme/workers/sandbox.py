"""Sandbox: run a function in a subprocess with time and memory limits.

Headers are read by a library inside a Python process. A hostile file may crash it, block it or
exhaust its memory; only the end of a process stops that, not a thread.
"""

import atexit
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from avme.errors import AvmeError, MediaError
from avme.workers.child_process import block_if_exiting, ignore_sigint, start_python
from avme.workers.rpc import Outcome, serve_calls

_T = TypeVar("_T")
_STATM = Path("/proc/self/statm")
_PROGRAM = "from avme.workers.sandbox import serve; serve({fd}, {memory_bytes})"
_made: "dict[int | None, Sandbox]" = {}
_ahead: "list[tuple[_ForkedProcess, Connection]]" = []


class Sandbox:
    """Subprocess for calls, one at a time; started by the first call, and again if it died.

    It is not a process of `multiprocessing`, which would import the main script again; a worker of
    Dask may have none.
    """

    def __init__(self, memory_bytes: int | None) -> None:
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | _ForkedProcess | None = None
        self._pipe: Connection | None = None
        self._one_at_a_time = threading.Lock()

    def call(self, timeout_seconds: float, function: Callable[..., _T], *arguments: Any) -> _T:
        """Run the function; raises its error, or MediaError if it crashes or takes too long."""
        with self._one_at_a_time:
            result, error = self._elsewhere(timeout_seconds, function, arguments)
        if error is not None:
            raise error
        serve_calls: _T = result
        return serve_calls

    def stop(self) -> int | None:
        """Terminate the process; return its exit code."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if process is None or pipe is None:
            return None
        pipe.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        process.kill()
        return process.wait()

    def kill(self) -> None:
        """Kill the process without waiting; a thread that waits for its result still waits."""
        if (process := self._process) is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def _elsewhere(
        self, timeout_seconds: float, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> Outcome:
        pipe = self._started()
        try:
            pipe.send((function, arguments))
        except OSError:  # died while idle
            self.stop()
            pipe = self._started()
            pipe.send((function, arguments))
        if not pipe.poll(timeout_seconds):
            self.stop()
            raise MediaError(
                f"its header was not read within {timeout_seconds:g} s", reason="timeout"
            )
        try:
            outcome: Outcome = pipe.recv()
        except (EOFError, OSError) as ended:
            block_if_exiting()
            code = self.stop()
            raise MediaError(
                f"reading its header crashed (code {code})", reason="crashed"
            ) from ended
        return outcome

    def _started(self) -> Connection:
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._pipe is None and _ahead:
            self._process, self._pipe = _ahead.pop()
            if self._memory_bytes is not None:
                try:
                    self._pipe.send((_limit_memory, (self._memory_bytes,)))
                    self._pipe.recv()
                except (EOFError, OSError):  # died while idle
                    self.stop()
        if self._pipe is None:
            self._pipe, theirs = Pipe()
            program = _PROGRAM.format(fd=theirs.fileno(), memory_bytes=self._memory_bytes)
            with theirs:
                self._process = start_python(program, theirs.fileno())
        return self._pipe


def get_sandbox(memory_bytes: int | None) -> Sandbox:
    """Return the sandbox of this process."""
    if memory_bytes not in _made:
        _made[memory_bytes] = Sandbox(memory_bytes)
    return _made[memory_bytes]


@atexit.register
def stop_sandboxes() -> None:
    """Terminate the sandboxes of this process."""
    for made in _made.values():
        made.stop()


def kill_sandboxes() -> None:
    """Kill the sandboxes of this process, which is about to exit without waiting for them."""
    for made in _made.values():
        made.kill()


def prefork_sandbox(foreign: Connection) -> None:
    """Fork the subprocess of the first sandbox in advance, which is almost free.

    Only safe while no other thread runs. The child closes `foreign`, which belongs to this process.
    """
    _prefork(foreign.close)


def preload_sandbox(*modules: str) -> None:
    """Fork the subprocess of the first sandbox while this process still imports its own modules.

    Does nothing where a fork is unsafe: with other threads, or with torch, which has its own.

    Args:
        modules: Modules that the subprocess imports at once.
    """
    if threading.active_count() > 1 or "torch" in sys.modules or not hasattr(os, "fork"):
        return

    def prepare() -> None:
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
        ignore_sigint()
        for name in modules:
            import_module(name)

    _prefork(prepare)


def _prefork(prepare: Callable[[], object]) -> None:
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            prepare()
            serve_calls(theirs, named=_of_a_header)
        finally:
            os._exit(1)
    theirs.close()
    _ahead.append((_ForkedProcess(pid), ours))


def serve(fd: int, memory_bytes: int | None) -> None:
    """Serve calls on the pipe `fd` until its other end is closed."""
    ignore_sigint()
    if memory_bytes is not None:
        _limit_memory(memory_bytes)
    serve_calls(Connection(fd), named=_of_a_header)


class _ForkedProcess:
    """Forked process with the methods of Popen that are needed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._waited(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises TimeoutExpired."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self._waited(0 if until is None else os.WNOHANG)) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
            time.sleep(0.001)
        return code

    def kill(self) -> None:
        """Kill it if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _waited(self, options: int) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, options)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


def _of_a_header(error: Exception) -> Exception:
    if isinstance(error, AvmeError):
        return error
    # A damaged header may raise any error, and not every error can be pickled.
    what = f"{type(error).__name__} while its header was read: {error}"
    return MediaError(what, reason="unforeseen")


def _limit_memory(num_bytes: int) -> None:
    """Limit the memory growth of this process."""
    has_now = int(_STATM.read_text().split()[0]) * resource.getpagesize() if _STATM.exists() else 0
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = has_now + num_bytes
    with suppress(ValueError, OSError):  # not supported on every system
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
