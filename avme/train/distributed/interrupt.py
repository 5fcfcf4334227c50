"""Stop signals in work that has nothing to save: an exception where the work is, as for Ctrl-C.

By default, SIGTERM and SIGUSR1 end the process on the spot, and loader processes that are suspended
or hang stay behind.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from avme.errors import Stopped

_NUMBERS = (signal.SIGTERM, signal.SIGUSR1)


class _Ended(BaseException):
    """One of the signals came; no `except Exception` may keep it."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Inside, a signal that asks to stop raises Stopped out of the block.

    Signals that are ignored stay so. Threads other than the main one get no signals: there, nothing
    is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in _NUMBERS if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    except _Ended as ended:
        raise Stopped(
            f"stopped by {ended}, nothing was written: run the same command again"
        ) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # the end takes a moment, and is not to be disturbed
    raise _Ended(signal.Signals(number).name)
