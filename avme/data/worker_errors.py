"""Failures of DataLoader workers as one-line errors instead of lost batches or tracebacks.

multiprocessing drops a batch that cannot be sent, after a traceback on stderr, and its receiver
blocks forever; `report_lost_batches` sends the error in its place.
"""

import errno
import os
import re
import signal
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import Queue
from typing import Any

from torch._utils import ExceptionWrapper

from avme.data.shared_memory import ADVICE, FOLDER
from avme.errors import AvmeError, SystemRequirementError
from avme.message_text import one_line
from avme.system.resource_errors import shortage

_SECONDS_TO_END = 1.0
_SHARED_MEMORY = re.compile(r"shared memory|</torch_\d+")
"""Messages of torch about a file in shared memory that it cannot create, resize or write."""
_ALLOCATION = re.compile(r"unable to allocate shared memory")
"""A full /dev/shm. torch 2.11 adds the text of an unrelated errno, such as EAGAIN, to it."""


def report_lost_batches() -> None:
    """Make the queues of this process send the error of a batch that cannot be sent."""
    setattr(Queue, "_on_queue_feeder_error", _send_error)  # noqa: B010  a hook for subclasses


def explain_worker_error(error: Exception, workers: Sequence[ForkServerProcess]) -> Exception:
    """Return a loader's error in one line: that of a worker, or the cause of its death."""
    dead = _dead(workers, patient=not isinstance(error, AvmeError))
    if isinstance(error, AvmeError):
        return _unwrapped(error)
    if dead is not None:
        return _death_of(dead, len(workers))
    if not _ALLOCATION.search(str(error)) and (lacking := shortage(error)) is not None:
        return SystemRequirementError(f"loader processes cannot continue: {lacking}")
    if isinstance(error, EOFError):  # of the fork server
        return SystemRequirementError(
            "loader processes cannot be started: is there memory for them, and do `ulimit -n` and "
            "`ulimit -u` allow them? --workers 0 does without"
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # of a semaphore
        return _not_handed_over(error)
    if isinstance(error, RuntimeError) and _SHARED_MEMORY.search(str(error)):
        return _not_handed_over(error)
    return error


def _send_error(queue: Any, error: Exception, item: Any) -> None:
    """Replace the item, (number, batch), by its error; called in the queue's thread."""
    if not isinstance(item, tuple):
        os._exit(1)  # noticed by the waiting process
    known = _not_handed_over(error)
    number, _ = item
    exc_info = (SystemRequirementError, known, error.__traceback__)
    queue.put((number, ExceptionWrapper(exc_info)))  # type: ignore[no-untyped-call]


def _not_handed_over(error: Exception) -> SystemRequirementError:
    lacking = None if _ALLOCATION.search(str(error)) else shortage(error)
    if lacking is not None:
        return SystemRequirementError(f"loader processes cannot hand over data: {lacking}")
    text = one_line(error)
    return SystemRequirementError(
        f"loader processes cannot hand over data ({text}): if {FOLDER} is too small, {ADVICE}"
    )


def _dead(workers: Sequence[ForkServerProcess], *, patient: bool) -> ForkServerProcess | None:
    """Return the first worker that has ended; the exit status may follow its sockets' closing."""
    seconds = _SECONDS_TO_END if patient else 0.0
    connection.wait([worker.sentinel for worker in workers], seconds)
    return next((worker for worker in workers if not worker.is_alive()), None)


def _death_of(worker: ForkServerProcess, count: int) -> SystemRequirementError:
    code = worker.exitcode or 0
    if code == -signal.SIGBUS:
        return SystemRequirementError(
            f"loader process {worker.pid} found no room in {FOLDER} (bus error): {ADVICE}"
        )
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    guess = " (out of memory?)" if code == -signal.SIGKILL else ""
    return SystemRequirementError(
        f"loader process {worker.pid} {how}{guess}: give the job more memory, or use fewer "
        f"--workers than {count}; continue a training run with --resume"
    )


def _unwrapped(error: AvmeError) -> AvmeError:
    """Return the error as the worker raised it, without the traceback that torch adds."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[1].startswith("Original Traceback"):
        return type(error)(lines[-1].partition(": ")[2])
    return error
