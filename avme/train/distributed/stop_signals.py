"""Stop signals of a run: SIGTERM and SIGUSR1 of clusters, and Ctrl-C.

A second Ctrl-C ends the process immediately, even in a blocked call: the first one restores the
system's handler of SIGINT.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import TypeVar

from avme.errors import Interrupted, StoppedBySignal

Item = TypeVar("Item")
_SECONDS_ALONE = 5.0
_SECONDS_OF_MANY = 30.0
"""Time to wait for data after a request with several ranks, which first try to stop together."""
_NOTICE = b"\ninterrupted: writing a checkpoint after this step; Ctrl-C again quits without it\n"


class StopWaiting(BaseException):
    """A stop was requested while a run waited for data. Not caught by `except Exception`."""


class StopRequest:
    """Received stop signal, if any."""

    def __init__(self) -> None:
        self.signal: str | None = None
        self._seconds: float | None = None

    @property
    def flags(self) -> tuple[bool, bool]:
        """Return True if a stop was requested, and True if by Ctrl-C."""
        return self.signal is not None, self.signal == "SIGINT"

    def note(self, number: int, _: FrameType | None) -> None:
        """Record the signal; the training loop checks it between steps."""
        self.signal = signal.Signals(number).name
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if os.environ.get("RANK", "0") == "0":
                os.write(2, _NOTICE)  # no stream: the signal may interrupt a write to one
        if self._seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def error(self, where: str, state: str, *, is_ctrl_c: bool) -> StoppedBySignal:
        """Return the error of a run that stops for this request, or for that of another rank.

        Args:
            where: Step at which the run stopped.
            state: State in which it is left.
            is_ctrl_c: True if any rank got Ctrl-C.
        """
        kind = Interrupted if is_ctrl_c else StoppedBySignal
        name = "Ctrl-C" if is_ctrl_c else self.signal or "another rank"
        return kind(f"stopped at {where} by {name}, {state}")

    def unwatch(self) -> None:
        """Do nothing: see EarlyStop."""

    def take_over(self) -> None:
        """Do nothing: see EarlyStop."""

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Raise StopWaiting if the block runs `seconds` longer after a request."""
        before = signal.signal(signal.SIGALRM, _stop_waiting)
        self._seconds = seconds
        try:
            if self.signal is not None:
                signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            self._seconds = None
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Handle the signals inside the block, in the main thread.

    Nested blocks share one request, so that an early signal is not lost. An ignored SIGINT stays
    ignored, as in the background of a shell script.
    """
    outer = active_request()
    if outer is not None:
        outer.take_over()
        yield outer
        return
    request = StopRequest()
    before = {number: signal.signal(number, request.note) for number in handled_signals()}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def handled_signals() -> list[signal.Signals]:
    """Return the signals that stop a run; SIGINT only if it is not ignored."""
    numbers = [signal.SIGTERM, signal.SIGUSR1]
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        numbers.append(signal.SIGINT)
    return numbers


def active_request() -> StopRequest | None:
    """Return the request whose handlers are installed, if any."""
    found = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return found if isinstance(found, StopRequest) else None


def interruptible(items: Iterable[Item], world: int) -> Iterator[Item]:
    """Yield the items; raise StopWaiting if one is missing for too long after a request.

    No item may be None. `world` is the number of ranks: several wait longer, as one rank should not
    stop alone.
    """
    seconds = _SECONDS_ALONE if world == 1 else _SECONDS_OF_MANY
    return _interruptible(iter(items), seconds)  # starting a loader draws random numbers


def _interruptible(stream: Iterator[Item], seconds: float) -> Iterator[Item]:
    while True:
        request = active_request()
        with nullcontext() if request is None else request.waiting(seconds):
            item = next(stream, None)
        if item is None:
            return
        yield item


def _stop_waiting(number: int, frame: FrameType | None) -> None:
    raise StopWaiting
