"""Top-1 and top-5 of scored clips, with intervals by group."""

from dataclasses import dataclass
from typing import Any

from avme.evaluation.intervals import Groups, Interval
from avme.features.scores import ClassScores

_RANKS = (1, 5)


@dataclass(frozen=True, slots=True)
class Tops:
    """Accuracies with intervals, by k."""

    accuracy: dict[int, float]
    interval: dict[int, Interval]

    def as_record(self) -> dict[str, Any]:
        """Return them as JSON: `top1`, `top5` and their intervals."""
        return {
            **{f"top{k}": value for k, value in self.accuracy.items()},
            "intervals": {f"top{k}": [i.low, i.high] for k, i in self.interval.items()},
        }


def tops_of(scores: ClassScores, groups: Groups) -> Tops:
    """Return top-1, and top-5 if there are more than five classes."""
    num_classes = scores.score.shape[1]
    ranks = [k for k in _RANKS if k == 1 or k < num_classes]
    correct = {k: scores.correct(k) for k in ranks}
    return Tops(
        accuracy={k: float(right.mean()) for k, right in correct.items()},
        interval={k: groups.interval(right) for k, right in correct.items()},
    )
