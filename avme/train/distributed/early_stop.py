"""Stop signals between the start of a training program and the opening of its run folder.

Imports take seconds, and minutes on a slow network file system: a signal in this time must not kill
the process, whose exit code would be useless to a batch script. The handlers are installed before
any slow import, and this module imports nothing slow. Until `stop_requests` takes over, a signal
ends the program; afterwards it is recorded for the training loop.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from avme.train.distributed.stop_signals import StopRequest, handled_signals

_GRACE_SECONDS = 5.0
"""Time for the main thread to react to a signal before the process is ended."""
_STOPPED, _INTERRUPTED = 75, 130


class StoppedEarly(BaseException):
    """A signal arrived before the run folder was opened. Not caught by `except Exception`."""

    def __init__(self, number: int) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(
            f"stopped by {name} before training started: nothing was trained yet, run the same "
            "command again"
        )
        self.exit_code = _INTERRUPTED if number == signal.SIGINT else _STOPPED


class EarlyStop(StopRequest):
    """Stop request that ends the program until a run takes over.

    `report` is called with the error if a module is being imported, or if the main thread is
    blocked in a call, such as waiting for other ranks; the process then exits.
    """

    def __init__(self, report: Callable[[StoppedEarly], None]) -> None:
        super().__init__()
        self._is_early = True
        self._report = report
        reads, self._writes = os.pipe()
        os.set_blocking(self._writes, False)
        signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)
        with suppress(RuntimeError):  # with `ulimit -u`: continue without the watching thread
            threading.Thread(target=self._watch, args=(reads,), daemon=True).start()

    def note(self, number: int, frame: FrameType | None) -> None:
        """Raise StoppedEarly for the first signal; record it in case the error is caught.

        During an import the program exits here: many modules catch every error around an import,
        and would continue half loaded.
        """
        if not self._is_early:
            super().note(number, frame)
            return
        is_first = self.signal is None
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        if is_first:
            self.signal = signal.Signals(number).name
            error = StoppedEarly(number)
            if _is_importing(frame):
                self._report(error)
                os._exit(error.exit_code)
            raise error

    def unwatch(self) -> None:
        """Stop the watching thread: the main thread polls for signals from now on."""
        if self._writes >= 0:
            signal.set_wakeup_fd(-1)
            os.close(self._writes)
            self._writes = -1

    def take_over(self) -> None:
        """Record signals from now on."""
        self._is_early = False
        self.unwatch()

    def _watch(self, reads: int) -> None:
        """End the process after a signal that the main thread does not handle."""
        received = os.read(reads, 1)
        if received:
            time.sleep(_GRACE_SECONDS)
            if self.signal is None and self._writes >= 0:
                error = StoppedEarly(received[0])
                self._report(error)
                os._exit(error.exit_code)
        os.close(reads)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def listen(report: Callable[[StoppedEarly], None]) -> EarlyStop:
    """Install the handlers for the rest of the program; see EarlyStop for `report`."""
    request = EarlyStop(report)
    for number in handled_signals():
        signal.signal(number, request.note)
    return request
