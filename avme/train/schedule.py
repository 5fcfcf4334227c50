"""The learning rate of a step: linear warm-up from zero, then half a cosine."""

import math
from dataclasses import dataclass

from avme.config import OptimConfig

REFERENCE_BATCH = 256


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function of the optimiser step."""

    peak: float
    floor: float
    warmup_steps: int
    total_steps: int

    def rate(self, step: int) -> float:
        """The learning rate of the step that is about to be made, counted from 0."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        rest = max(self.total_steps - self.warmup_steps, 1)
        share = min((step - self.warmup_steps) / rest, 1.0)
        return self.floor + 0.5 * (self.peak - self.floor) * (1.0 + math.cos(math.pi * share))


def build_schedule(config: OptimConfig, batch: int, epochs: int, steps_per_epoch: int) -> Schedule:
    """Rates in the settings are for 256 clips a step and are scaled to the real batch."""
    scale = batch / REFERENCE_BATCH
    return Schedule(
        peak=config.lr * scale,
        floor=min(config.min_lr, config.lr) * scale,
        warmup_steps=round(min(config.warmup_epochs, epochs) * steps_per_epoch),
        total_steps=epochs * steps_per_epoch,
    )
