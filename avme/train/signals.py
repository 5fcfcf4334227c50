"""SIGTERM and SIGUSR1, which clusters send before the end, ask a run to save and stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether somebody asked."""

    def __init__(self) -> None:
        self.signal: str | None = None

    def note(self, number: int, _: FrameType | None) -> None:
        """Remembers the signal; the loop looks between two steps."""
        self.signal = signal.Signals(number).name


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catches the two signals inside the block, in the main thread.

    A block inside another one has the same request: what came early is not forgotten.
    """
    outer = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if isinstance(outer, StopRequest):
        yield outer
        return
    request = StopRequest()
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, request.note) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
