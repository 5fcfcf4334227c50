"""A call in a process of its own, bounded in time and memory: what it does there costs nobody else.

Headers are read by a library inside a Python process. A hostile one may crash it, keep it busy for
ever or ask for all memory, and no thread can stop that; the end of a process does.
"""

import atexit
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from avme.errors import AvmeError, MediaError

_T = TypeVar("_T")
_STATM = Path("/proc/self/statm")
_PROGRAM = "from avme.media.aside import serve; serve({fd}, {memory_bytes})"


class Aside:
    """Does calls elsewhere, one at a time; the process starts with the first, and anew if it died.

    Functions and arguments are pickled, so a function is one that a module names. It is no process
    of `multiprocessing`: that would import the script of this one anew, and a worker of Dask may
    have none.
    """

    def __init__(self, memory_bytes: int | None) -> None:
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._one_at_a_time = threading.Lock()

    def call(self, timeout_seconds: float, function: Callable[..., _T], *arguments: Any) -> _T:
        """What the function returns or raises; MediaError if it crashes or takes too long."""
        with self._one_at_a_time:
            result, error = self._elsewhere(timeout_seconds, function, arguments)
        if error is not None:
            raise error
        answer: _T = result
        return answer

    def stop(self) -> int | None:
        """Ends the process, whatever it does; returns its exit code."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if process is None or pipe is None:
            return None
        pipe.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        process.kill()
        return process.wait()

    def _elsewhere(
        self, timeout_seconds: float, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> tuple[Any, Any]:
        pipe = self._started()
        pipe.send((function, arguments))
        if not pipe.poll(timeout_seconds):
            self.stop()
            raise MediaError(
                f"its header was not read after {timeout_seconds:g} s", reason="timeout"
            )
        try:
            outcome: tuple[Any, Any] = pipe.recv()
        except (EOFError, OSError) as ended:
            code = self.stop()
            raise MediaError(
                f"reading its header crashed (code {code})", reason="crashed"
            ) from ended
        return outcome

    def _started(self) -> Connection:
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._pipe is None:
            self._pipe, theirs = Pipe()
            program = _PROGRAM.format(fd=theirs.fileno(), memory_bytes=self._memory_bytes)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", program],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                )
        return self._pipe


@lru_cache(maxsize=1)
def aside(memory_bytes: int | None) -> Aside:
    """The one of this process."""
    made = Aside(memory_bytes)
    atexit.register(made.stop)
    return made


def serve(fd: int, memory_bytes: int | None) -> None:
    """Does what is asked for on the pipe `fd`, until whoever has its other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if memory_bytes is not None:
        _limit_memory(memory_bytes)
    pipe = Connection(fd)
    asked: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, asked), daemon=True).start()
    while True:
        pipe.send(_outcome(*asked.get()))


def _listen(pipe: Connection, asked: SimpleQueue[Any]) -> None:
    """Ends this process with its parent, however that ends and whatever this one is at."""
    with suppress(EOFError, OSError):
        while True:
            asked.put(pipe.recv())
    os._exit(1)


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    try:
        return function(*arguments), None
    except AvmeError as error:
        return None, error
    except Exception as error:
        # Anything may come out of a broken header, and not all of it can be pickled.
        what = f"{type(error).__name__} while its header was read: {error}"
        return None, MediaError(what, reason="unforeseen")


def _limit_memory(num_bytes: int) -> None:
    """Lets this process grow by so much and no more."""
    has_now = int(_STATM.read_text().split()[0]) * resource.getpagesize() if _STATM.exists() else 0
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = has_now + num_bytes
    with suppress(ValueError, OSError):  # not every system knows this limit
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
