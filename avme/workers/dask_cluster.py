"""Whether a Dask cluster has workers, and what is said and done while it has none.

The scheduler keeps the tasks of workers that are gone until others come, however long that takes,
and tells nobody.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from avme.errors import MachineError
from avme.progress import Reporter

QUIET_SECONDS = 5.0
"""No worker is looked for before nothing got done for so long: one that was killed, and that its
nanny starts again, is no news."""
_LOGGERS = ("distributed.client", "distributed.comm", "distributed.core")


@dataclass(slots=True)
class DaskWorkers:
    """The workers of the cluster at `address`."""

    address: str
    count: Callable[[], int | None]
    """Asks the scheduler; None where it does not answer."""
    timeout_seconds: float
    """How long to wait for a worker where there is none."""
    _moved: float | None = None

    def are_gone(self, *, is_moving: bool) -> bool:
        """True if none is left; asks only where nothing was done for a while."""
        now = time.monotonic()
        if is_moving or self._moved is None:
            self._moved = now
        return now - self._moved >= QUIET_SECONDS and self.count() == 0

    def wait(self, report: Reporter, is_over: Callable[[], bool]) -> None:
        """Says that none is left, and returns when one is there, or when `is_over` returns true.

        `is_over` is asked over and over, and waits a little each time. Raises MachineError if
        neither is so in time.
        """
        limit = _told(self.timeout_seconds)
        report.say(
            f"no Dask worker is left at {self.address}: start one with `dask worker "
            f"{self.address}`; the work goes on if it comes within {limit}"
        )
        deadline = time.monotonic() + self.timeout_seconds
        while not (num_workers := self.count()) and not is_over():
            if time.monotonic() >= deadline:
                raise MachineError(
                    f"no Dask worker was left at {self.address}, and none came within {limit}: "
                    "finished shards are kept, start workers and run the same command again"
                )
        self._moved = None
        if num_workers:
            report.say(f"a Dask worker is back at {self.address}: the work goes on")


@contextmanager
def quiet_dask() -> Iterator[None]:
    """Keeps Dask from printing a traceback where a connection is lost, which we say in a line."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was


def _told(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"
