"""Learning-rate schedule: linear warm-up from zero, then half a cosine.

If a run is resumed with another end, the rate continues from its current value along half a cosine
to the new end; a warm-up is finished first.
"""

import math
from dataclasses import dataclass, replace

from avme.config import OptimConfig

REFERENCE_BATCH = 256


@dataclass(frozen=True, slots=True)
class Bend:
    """Change of a schedule's end."""

    step: int
    """First step after the change; never within the warm-up."""
    rate: float
    """Learning rate of that step."""
    total_steps: int
    """New end."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rate as a function of the optimizer step."""

    peak: float
    floor: float
    warmup_steps: int
    total_steps: int
    bends: tuple[Bend, ...] = ()
    first_total: int | None = None
    """End of the first cosine, if the schedule was changed."""

    def rate(self, step: int) -> float:
        """Return the learning rate of the next step, counted from 0."""
        for bend in reversed(self.bends):
            if step >= bend.step:
                return self._cosine(step, bend.step, bend.rate, bend.total_steps)
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        return self._cosine(
            step, self.warmup_steps, self.peak, self.first_total or self.total_steps
        )

    def bent(self, step: int, total_steps: int) -> "Schedule":
        """Return the schedule with another end, for a run at `step`.

        Raises ValueError if no step would be left after it, or after the warm-up.
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
    """Build the schedule. Rates in the settings are for 256 clips and scale with the batch size.

    Args:
        config: Optimizer settings.
        batch: Clips per optimizer step.
        epochs: Number of epochs.
        steps_per_epoch: Steps per epoch.
    """
    scale = batch / REFERENCE_BATCH
    return Schedule(
        peak=config.lr * scale,
        floor=min(config.min_lr, config.lr) * scale,
        warmup_steps=round(min(config.warmup_epochs, epochs) * steps_per_epoch),
        total_steps=epochs * steps_per_epoch,
    )
