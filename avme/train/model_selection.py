"""Selection of the best epoch by validation: the one-standard-error rule, applied online.

On few clips top-1 is coarse: on 14 clips one lucky epoch early in training beats all later ones by
7 points. Among the epochs whose top-1 is within one standard error of the highest, the one with the
lowest cross-entropy is selected (Breiman et al. 1984, section 3.4.3); on many clips the error is
small and the rule equals that of the highest top-1. Only one epoch's weights are stored: a rejected
epoch is not reconsidered when the highest rises later.
"""

import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class BestEpoch:
    """Best epoch so far."""

    top1: float
    loss: float
    epoch: float
    step: float
    highest_top1: float
    """Highest top-1 of all epochs so far, selected or not."""

    def as_numbers(self) -> dict[str, float]:
        """Convert to numbers for a checkpoint."""
        return asdict(self)


def update_best(
    best: BestEpoch | None, top1: float, loss: float, epoch: int, step: int, clips: int
) -> BestEpoch:
    """Return the best epoch after one more; unchanged if the new one is not better.

    Args:
        best: Best epoch so far, if any.
        top1: Validation top-1.
        loss: Validation cross-entropy.
        epoch: Number of the epoch.
        step: Number of steps done.
        clips: Size of the validation list.
    """
    if best is None:
        return BestEpoch(top1, loss, float(epoch), float(step), top1)
    highest = max(best.highest_top1, top1)
    allowed = highest - math.sqrt(highest * (1.0 - highest) / clips)
    fallen_behind = best.top1 < allowed
    wins = top1 >= allowed and (fallen_behind or loss < best.loss)
    if wins:
        return BestEpoch(top1, loss, float(epoch), float(step), highest)
    return BestEpoch(best.top1, best.loss, best.epoch, best.step, highest)
