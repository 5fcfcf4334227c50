"""The learning rate of a step: linear warm-up from zero, then half a cosine.

Where a run is resumed with another end, the rate goes on from its value there along half a cosine
to the new end; a warm-up is finished first.
"""

import math
from dataclasses import dataclass, replace

from avme.config import OptimConfig

REFERENCE_BATCH = 256


@dataclass(frozen=True, slots=True)
class Bend:
    """Where a schedule was given another end."""

    step: int
    """From this step on; never within the warm-up."""
    rate: float
    """Of that step."""
    total_steps: int
    """The new end."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function of the optimiser step."""

    peak: float
    floor: float
    warmup_steps: int
    total_steps: int
    bends: tuple[Bend, ...] = ()
    first_total: int | None = None
    """Where the first cosine was to end, if the schedule is bent."""

    def rate(self, step: int) -> float:
        """The learning rate of the step that is about to be made, counted from 0."""
        for bend in reversed(self.bends):
            if step >= bend.step:
                return self._cosine(step, bend.step, bend.rate, bend.total_steps)
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        return self._cosine(
            step, self.warmup_steps, self.peak, self.first_total or self.total_steps
        )

    def bent(self, step: int, total_steps: int) -> "Schedule":
        """The schedule with another end, for a run that stands at `step`.

        Raises ValueError where no step would be left after it, or after the warm-up.
        """
        begin = max(step, self.warmup_steps)
        if total_steps <= begin:
            raise ValueError(f"step {begin} is not before {total_steps}")
        bend = Bend(begin, self.rate(begin), total_steps)
        return replace(
            self,
            total_steps=total_steps,
            bends=(*self.bends, bend),
            first_total=self.first_total or self.total_steps,
        )

    def _cosine(self, step: int, begin: int, rate: float, end: int) -> float:
        share = min((step - begin) / max(end - begin, 1), 1.0)
        return self.floor + 0.5 * (rate - self.floor) * (1.0 + math.cos(math.pi * share))


def build_schedule(config: OptimConfig, batch: int, epochs: int, steps_per_epoch: int) -> Schedule:
    """Rates in the settings are for 256 clips a step and are scaled to the real batch."""
    scale = batch / REFERENCE_BATCH
    return Schedule(
        peak=config.lr * scale,
        floor=min(config.min_lr, config.lr) * scale,
        warmup_steps=round(min(config.warmup_epochs, epochs) * steps_per_epoch),
        total_steps=epochs * steps_per_epoch,
    )
