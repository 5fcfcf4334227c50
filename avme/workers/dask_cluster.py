"""Workers of a Dask cluster: detection and handling of a cluster without any.

The scheduler keeps the tasks of lost workers until others join, without time limit or message.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from avme.errors import SystemRequirementError
from avme.progress import Reporter

QUIET_SECONDS = 5.0
"""Time without progress before workers are counted: a killed worker that its nanny restarts is not
reported."""
_LOGGERS = ("distributed.client", "distributed.comm", "distributed.core")


@dataclass(slots=True)
class DaskWorkers:
    """Workers of the cluster at `address`."""

    address: str
    count: Callable[[], int | None]
    """Queries the scheduler; None if it does not respond."""
    timeout_seconds: float
    """Time to wait for a worker if there is none."""
    _moved: float | None = None

    def are_gone(self, *, is_moving: bool) -> bool:
        """Return True if no worker is left; queried only after a time without progress."""
        now = time.monotonic()
        if is_moving or self._moved is None:
            self._moved = now
        return now - self._moved >= QUIET_SECONDS and self.count() == 0

    def wait(self, report: Reporter, is_over: Callable[[], bool]) -> None:
        """Report that no worker is left, and wait until one joins or `is_over` returns True.

        `is_over` is polled and sleeps itself. Raises SystemRequirementError at the time limit.
        """
        limit = _told(self.timeout_seconds)
        report.log(
            f"no Dask worker is left at {self.address}: start one with `dask worker "
            f"{self.address}`; the work continues if it connects within {limit}"
        )
        deadline = time.monotonic() + self.timeout_seconds
        while not (num_workers := self.count()) and not is_over():
            if time.monotonic() >= deadline:
                raise SystemRequirementError(
                    f"no Dask worker was left at {self.address}, and none connected within "
                    f"{limit}: finished shards are kept, start workers and run the same command "
                    "again"
                )
        self._moved = None
        if num_workers:
            report.log(f"a Dask worker is back at {self.address}: the work continues")


@contextmanager
def quiet_dask() -> Iterator[None]:
    """Silence Dask's traceback on a lost connection, which avme reports in one line."""
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
