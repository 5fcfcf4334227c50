"""Between which steps the processes of a run agree whether to save or to stop.

To agree makes devices wait, so it is not done after every step; and all must choose the same steps,
though their clocks differ: the next one follows from what they told each other at the last.
"""

import time

from avme.train.distributed.process_group import Processes

SECONDS = 5.0
"""Between two agreements, about."""
_MOST_GROWTH = 4


class Cadence:
    """The steps of one run; every process makes its own and gives it the same steps."""

    def __init__(self, processes: Processes, step: int, seconds: float = SECONDS) -> None:
        self._processes, self._seconds = processes, seconds
        self._at, self._every = step, 1
        self._began = time.monotonic()

    def is_now(self, step: int) -> bool:
        """Whether it is time after this many steps; always for a process that is alone."""
        return self._processes.world == 1 or step >= self._at + self._every

    def agree(self, step: int, *wishes: bool) -> list[bool]:
        """For each wish, whether any process has it; all must call it after the same step."""
        took = time.monotonic() - self._began
        told = self._processes.gather((took, wishes))
        mean = sum(seconds for seconds, _ in told) / len(told)
        steps = step - self._at
        if steps >= self._every:  # a shorter stretch, as after validating, tells little
            self._every = next_stretch(steps, mean, self._seconds)
        self._at, self._began = step, time.monotonic()
        return [any(wish) for wish in zip(*(wishes for _, wishes in told), strict=True)]


def next_stretch(steps: int, took: float, seconds: float) -> int:
    """How many steps will take `seconds` if `steps` took `took`; grows by little at a time."""
    fitting = round(seconds * steps / max(took, 1e-9))
    return max(1, min(fitting, _MOST_GROWTH * steps))
