"""Stop signals during work without state to save: an exception, as for Ctrl-C.

By default SIGTERM and SIGUSR1 end the process immediately, and suspended or blocked loader
processes remain.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from avme.errors import StoppedBySignal

_NUMBERS = (signal.SIGTERM, signal.SIGUSR1)


class _Ended(BaseException):
    """A stop signal arrived. Not caught by `except Exception`."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise StoppedBySignal out of the block when a stop signal arrives.

    Ignored signals stay ignored. Threads other than the main one get no signals, and nothing
    changes there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in _NUMBERS if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    except _Ended as ended:
        raise StoppedBySignal(
            f"stopped by {ended}, nothing was written: run the same command again"
        ) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # no further signals during the shutdown
    raise _Ended(signal.Signals(number).name)
