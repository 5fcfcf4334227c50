"""Estimate of a run's duration, measured on its first steps.

The first step is left out: it allocates memory, starts loader workers and compiles. Validation is
included once it has been measured.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from avme.train.metrics.device_timer import DeviceTimer

STEPS = 10
"""Number of timed steps."""
LONGEST_SECONDS = 60.0
"""Timing of slow steps stops after this time, but not before one step."""
DAY = 86_400.0
_PRODUCT = 768
_PRODUCTS = 4


class Estimate:
    """Timer of the first steps of a run, with an estimate for the others."""

    def __init__(
        self,
        device: torch.device,
        total: int,
        steps_per_epoch: int,
        advice: str = "",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Store `advice`, which is printed if the run takes more than a day on a CPU."""
        self.total, self.steps_per_epoch, self.advice = total, steps_per_epoch, advice
        self.is_reported = False
        self._device, self._now = DeviceTimer(device), clock
        self._seen, self._seconds, self._epoch_ends = 0, 0.0, list[float]()

    @contextmanager
    def step(self) -> Iterator[None]:
        """Time one optimizer step, until the device has finished it."""
        if self.is_reported:
            yield
            return
        began = self._now()
        yield
        self._device.wait()
        self._seen += 1
        if self._seen > 1:
            self._seconds += self._now() - began

    @contextmanager
    def epoch_end(self) -> Iterator[None]:
        """Time the work at the end of an epoch."""
        began = self._now()
        yield
        self._epoch_ends.append(self._now() - began)

    @property
    def num_timed(self) -> int:
        """Number of timed steps, without the first."""
        return max(0, self._seen - 1)

    def is_due(self) -> bool:
        """Return True once enough steps were timed and nothing was reported yet."""
        enough = self.num_timed >= STEPS or (self.num_timed and self._seconds >= LONGEST_SECONDS)
        return bool(enough) and not self.is_reported

    def seconds_left(self, step: int) -> float:
        """Return the seconds from `step` to the end, with measured validations."""
        left = (self.total - step) * self._seconds / self.num_timed
        if self._epoch_ends:
            ends = self.total // self.steps_per_epoch - step // self.steps_per_epoch
            left += ends * sum(self._epoch_ends) / len(self._epoch_ends)
        return left

    def lines(self, step: int, *, validates: bool) -> Iterator[str]:
        """Return the estimate after `step` steps, and a warning if a CPU would need days.

        `validates` is True if epochs end with a validation.
        """
        self.is_reported = True
        pace = duration(self._seconds / self.num_timed)
        counted = f"mean of {self.num_timed} step{'s' if self.num_timed > 1 else ''}"
        left, open_end = self.seconds_left(step), ""
        if validates and not self._epoch_ends:
            open_end = ", without validation"
        yield (
            f"estimate: {pace} a step ({counted}), {duration(left)} for the {self.total - step:,} "
            f"steps left{open_end}"
        )
        if left >= DAY and self._device.device.type == "cpu" and self.advice:
            yield f"warning: {duration(left)} on this CPU: {self.advice}"


def duration(seconds: float) -> str:
    """Format a duration in at most two units: 0.35 s, 12 min 30 s, 3 days 4 h."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    many = f"{days:,} day{'s' if days > 1 else ''}"
    return f"{many} {hours} h" if hours and days < 100 else many


def cpu_gflops() -> float:
    """Measure the GFLOP/s of a single-precision matrix product on this CPU.

    No training step is faster: an estimate from it is a lower bound, unless the machine is busy
    with other work. Takes about 10 ms.
    """
    factor = torch.ones(_PRODUCT, _PRODUCT)
    made = torch.empty_like(factor)
    torch.mm(factor, factor, out=made)  # the first product starts threads
    best = float("inf")
    for _ in range(_PRODUCTS):
        began = time.perf_counter()
        torch.mm(factor, factor, out=made)
        best = min(best, time.perf_counter() - began)
    return 2.0 * _PRODUCT**3 / best / 1e9
