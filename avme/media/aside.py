"""A call in a process of its own, bounded in time and memory: what it does there costs nobody else.

Headers are read by a library inside a Python process. A hostile one may crash it, keep it busy for
ever or ask for all memory, and no thread can stop that; the end of a process does.
"""

import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, TypeVar

from avme.errors import AvmeError, MediaError

_T = TypeVar("_T")
_STATM = Path("/proc/self/statm")


class Aside:
    """Does calls elsewhere, one at a time; the process starts with the first, and anew if it died.

    Functions and arguments are pickled, so a function is one that a module names. A process that
    may have no children, such as a worker of Dask, does the call itself: who watches over it has to
    survive its end.
    """

    def __init__(self, memory_bytes: int | None) -> None:
        self._memory_bytes = memory_bytes
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._one_at_a_time = threading.Lock()

    def call(self, timeout_seconds: float, function: Callable[..., _T], *arguments: Any) -> _T:
        """What the function returns or raises; MediaError if it crashes or takes too long."""
        if multiprocessing.current_process().daemon:
            result, error = _outcome(function, arguments)
        else:
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
        process.join(timeout=1.0)
        process.kill()
        process.join()
        return process.exitcode

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
        if self._process is not None and not self._process.is_alive():
            self.stop()
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(
                target=_serve, args=(theirs, self._memory_bytes), daemon=True
            )
            self._process.start()
            theirs.close()
        return self._pipe


@lru_cache(maxsize=1)
def aside(memory_bytes: int | None) -> Aside:
    """The one of this process."""
    return Aside(memory_bytes)


def end_with_parent(last: Callable[[], None] = lambda: None) -> None:
    """Ends this process when its parent ends, however that ends: call it in a thread.

    `last` is done just before.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        last()
        os._exit(1)


def _serve(pipe: Connection, memory_bytes: int | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=end_with_parent, daemon=True).start()
    if memory_bytes is not None:
        _limit_memory(memory_bytes)
    with suppress(EOFError, OSError):  # the parent is done
        while True:
            function, arguments = pipe.recv()
            pipe.send(_outcome(function, arguments))


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
