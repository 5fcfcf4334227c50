"""Fork servers of `prep` that are forked themselves: their imports take a second each time.

The workers of a server, their environment, folder and output are as in a server that was started.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

STARTED = ("tests/workers/", "tests/bench/")
"""Tests of the servers, and of the CPU time of workers as children of this process."""
_PROGRAM = """
import gc, json, os, signal, socket
import avme.prep.write_shard
from avme.workers.forkserver import _reap_children, serve_forks

def serve(settings, channel, out, err):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    os.chdir(settings["cwd"])
    os.environ.clear()
    os.environ.update(settings["env"])
    serve_forks(channel)

gc.freeze()
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, _reap_children)
with socket.socket(fileno={fd}) as asks:
    while True:
        asked, handles, _, _ = socket.recv_fds(asks, 1 << 20, 3)
        if not handles:
            break
        if not (pid := os.fork()):
            try:
                asks.close()
                serve(json.loads(asked), *handles)
            finally:
                os._exit(0)
        for handle in handles:
            os.close(handle)
        asks.send(str(pid).encode())
"""


class ForkedServer:
    """The part of `subprocess.Popen` that is used of a fork server."""

    def __init__(self, pid: int) -> None:
        self.pid, self._handle = pid, os.pidfd_open(pid)

    def wait(self, timeout: float | None = None) -> int:
        if not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a fork server", timeout or 0.0)
        return 0

    def kill(self) -> None:
        signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def __del__(self) -> None:
        os.close(self._handle)


class Mother:
    """A process that forks fork servers; started when it is first needed."""

    def __init__(self, start: Callable[..., "subprocess.Popen[bytes]"]) -> None:
        self._start = start
        self._asks: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, channel: int) -> ForkedServer:
        """Fork a server that listens to the socket `channel`."""
        if self._asks is None:
            self._asks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
                program = _PROGRAM.replace("{fd}", str(theirs.fileno()))
                self._process = self._start(program, theirs.fileno(), **threads)
        now = {"cwd": os.getcwd(), "env": dict(os.environ)}
        socket.send_fds(self._asks, [json.dumps(now).encode()], [channel, 1, 2])
        return ForkedServer(int(self._asks.recv(64)))

    def close(self) -> None:
        """End it; the servers end by themselves."""
        if self._asks is not None and self._process is not None:
            self._asks.close()
            self._process.wait()


@pytest.fixture(scope="session", autouse=True)
def fork_servers() -> Iterator[None]:
    """Fork the fork servers of this process, except those of tests of them."""
    from avme.workers import forkserver
    from avme.workers.child_process import start_python

    mother, spawn = Mother(start_python), forkserver._spawn

    def spawn_or_fork(function: str, fd: int) -> object:
        name = os.environ.get("PYTEST_CURRENT_TEST", "")
        is_forked = function == "serve_forks" and not name.startswith(STARTED)
        return mother.fork(fd) if is_forked else spawn(function, fd)

    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == "linux":
            patch.setattr(forkserver, "_spawn", spawn_or_fork)
        yield
    mother.close()
