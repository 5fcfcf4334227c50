"""Fork server: a preloaded single-threaded process that forks workers in milliseconds.

A worker serves one pipe: it runs the calls it receives, and exits when the other end is closed or
its owner is gone. The server has one thread, so that forks are safe; workers may start threads.
"""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Final, NoReturn

from avme.workers.child_process import ignore_sigint, kill_all, start_python
from avme.workers.rpc import Outcome, serve_calls
from avme.workers.sandbox import kill_sandboxes, prefork_sandbox

FORKS: Final = sys.platform == "linux"
"""False where system libraries may not survive a fork: every worker is then started separately."""
_TASKS = "avme.prep.write_shard"
"""Module that workers need; it imports all others."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read when numpy is first imported."""
_PROGRAM = "from avme.workers.forkserver import {function}; {function}({fd})"
_LAST_SECONDS = 10.0


class ForkServer:
    """Client of a fork server. The server and its workers end with this process."""

    def __init__(self, *, forks: bool = FORKS) -> None:
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._channel: socket.socket | None = self._begun() if forks else None

    def worker(self) -> Connection:
        """Return the pipe of a new worker: pickled (function, arguments) in, an `Outcome` out."""
        ours, theirs = Pipe()
        with self._lock, theirs:
            if self._channel is not None:
                self._fork(theirs, self._channel)
            else:
                self._processes.append(_spawn("run_worker", theirs.fileno()))
        return ours

    def close(self) -> None:
        """Wait for the workers to exit; their pipes must be closed."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
            for process in self._processes:
                try:
                    process.wait(_LAST_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _fork(self, theirs: Connection, channel: socket.socket) -> None:
        try:
            socket.send_fds(channel, [b"w"], [theirs.fileno()])
        except (
            BrokenPipeError,
            ConnectionResetError,
        ):  # the server was killed; its workers still run
            channel.close()
            self._channel = self._begun()
            socket.send_fds(self._channel, [b"w"], [theirs.fileno()])

    def _begun(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._processes.append(_spawn("serve_forks", theirs.fileno()))
        return ours


class Worker:
    """Worker that is replaced after it died."""

    def __init__(self, nursery: ForkServer) -> None:
        self._nursery = nursery
        self._lock = threading.Lock()
        self._pipe: Connection | None = nursery.worker()
        self._stopped = False

    def call(self, message: bytes) -> Any:
        """Run a pickled call; raises its error, or BrokenExecutor if the worker dies."""
        try:
            result, error = _receive(self._given(message))
        except (EOFError, OSError) as gone:
            self._bury()
            raise BrokenExecutor("a worker died") from gone
        if error is not None:
            raise error
        return result

    def stop(self) -> None:
        """Terminate the worker immediately. Thread-safe."""
        with self._lock:
            self._stopped = True
            if self._pipe is not None:
                # Closing would not wake the thread that reads from it.
                with socket.socket(fileno=os.dup(self._pipe.fileno())) as end, suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _given(self, message: bytes) -> Connection:
        """Return the pipe of a worker that has received the message."""
        if self._pipe is not None:
            try:
                self._pipe.send_bytes(message)
                return self._pipe
            except OSError:  # died while idle
                self._bury()
        with self._lock:
            if self._stopped:
                raise BrokenExecutor("stopped")
            self._pipe = self._nursery.worker()
        self._pipe.send_bytes(message)
        return self._pipe

    def _bury(self) -> None:
        with self._lock:
            if self._pipe is not None:
                self._pipe.close()
            self._pipe = None


def serve_forks(fd: int) -> None:
    """Run the server: fork a worker for every pipe received through the socket `fd`.

    Returns when the other end of the socket is closed and no worker is left.
    """
    ignore_sigint()
    import_module(_TASKS)
    gc.collect()
    gc.freeze()  # freeze: garbage collection in children would otherwise copy shared pages
    signal.signal(signal.SIGCHLD, _reap_children)
    with socket.socket(fileno=fd) as channel:
        while handles := socket.recv_fds(channel, 1, 1)[1]:
            if os.fork() == 0:
                try:
                    channel.close()
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    _run_worker(handles[0])
                finally:
                    os._exit(1)
            os.close(handles[0])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with suppress(ChildProcessError):
        while True:
            os.wait()


def run_worker(fd: int) -> NoReturn:
    """Serve the pipe `fd` in a worker that was not forked."""
    ignore_sigint()
    _run_worker(fd)


def _run_worker(fd: int) -> NoReturn:
    signal.signal(signal.SIGTERM, _stop_at_once)
    pipe = Connection(fd)
    if FORKS:
        prefork_sandbox(pipe)
    serve_calls(pipe, last=_end_children)


def _receive(pipe: Connection) -> Outcome:
    outcome: Outcome = pipe.recv()
    return outcome


def _spawn(function: str, fd: int) -> "subprocess.Popen[bytes]":
    """Start a process that calls `function` with its copy of `fd`."""
    # One process per core: threads of linear algebra would wait for each other, which costs a fifth
    # of the time, and the last bits of an MFCC would depend on the number of cores.
    return start_python(
        _PROGRAM.format(function=function, fd=fd), fd, **dict.fromkeys(_ONE_THREAD, "1")
    )


def _reap_children(number: int, _: FrameType | None) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _end_children() -> None:
    """Exit without waiting: a clip whose ffmpeg was killed would be quarantined meanwhile."""
    kill_all()
    kill_sandboxes()


def _stop_at_once(number: int, _: FrameType | None) -> None:
    _end_children()
    os._exit(128 + number)
