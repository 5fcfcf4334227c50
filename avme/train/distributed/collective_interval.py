"""Interval between collective save/stop checks.

A check makes devices wait, so it is not done after every step; and all ranks must choose the same
steps although their clocks differ: the next one follows from values exchanged at the last.
"""

import time

from avme.train.distributed.process_group import Distributed

SECONDS = 5.0
"""Approximate interval between two checks."""
_MOST_GROWTH = 4


class CollectiveInterval:
    """Steps with a check in one run; every rank has its own and counts the same steps."""

    def __init__(self, processes: Distributed, step: int, seconds: float = SECONDS) -> None:
        self._processes, self._seconds = processes, seconds
        self._at, self._every = step, 1
        self._began = time.monotonic()

    def is_due(self, step: int) -> bool:
        """Return True if a check is due after this step; always for a single rank."""
        return self._processes.world == 1 or step >= self._at + self._every

    def any_rank(self, step: int, *flags: bool) -> list[bool]:
        """Return for each request whether any rank has it; all must call it after the same step."""
        took = time.monotonic() - self._began
        gathered = self._processes.all_gather((took, flags))
        mean = sum(seconds for seconds, _ in gathered) / len(gathered)
        steps = step - self._at
        if steps >= self._every:  # a shorter interval, as after validation, is not representative
            self._every = next_interval(steps, mean, self._seconds)
        self._at, self._began = step, time.monotonic()
        return [any(flag) for flag in zip(*(flags for _, flags in gathered), strict=True)]


def next_interval(steps: int, took: float, seconds: float) -> int:
    """Return the number of steps for the next interval; it grows slowly.

    Args:
        steps: Steps of the last interval.
        took: Its duration in seconds.
        seconds: Wanted duration.
    """
    fitting = round(seconds * steps / max(took, 1e-9))
    return max(1, min(fitting, _MOST_GROWTH * steps))
