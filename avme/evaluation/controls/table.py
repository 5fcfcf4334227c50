"""Table of a battery of controls: accuracy under each condition, and its difference to real.

Shape letters: n clips.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool

from avme.evaluation.contrasts import Estimate, estimate_means
from avme.evaluation.controls.conditions import CLEAN, Condition, Outcomes

ALL: Final = "all"
COLUMNS: Final = (
    *("audio", "frames", "degradation", "clips", "n", "top1", "top1_low", "top1_high"),
    *("difference", "difference_low", "difference_high"),
)
"""Columns of controls.csv."""


@dataclass(frozen=True, slots=True)
class Row:
    """Accuracy of some clips under one condition."""

    condition: Condition
    clips: str
    """`all`, `with audio` or `without audio`."""
    top1: Estimate
    difference: Estimate
    """Condition less real, paired by clip; zero for real itself."""

    def as_record(self) -> dict[str, Any]:
        """Return the row by the names of `COLUMNS`."""
        return {
            "audio": str(self.condition.audio),
            "frames": str(self.condition.frames),
            "degradation": str(self.condition.degradation or ""),
            "clips": self.clips,
            "n": self.top1.n,
            "top1": self.top1.mean,
            "top1_low": self.top1.low,
            "top1_high": self.top1.high,
            "difference": self.difference.mean,
            "difference_low": self.difference.low,
            "difference_high": self.difference.high,
        }


def tabulate(outcomes: Outcomes) -> list[Row]:
    """Return a row for each condition and set of clips, in the order of the conditions.

    The sets are all clips and, if a list has both, those with and without audio.
    """
    by_set = {name: _estimate(outcomes, among) for name, among in subsets(outcomes.audible)}
    return [
        Row(condition, name, *found[condition])
        for condition in outcomes.correct
        for name, found in by_set.items()
    ]


def subsets(audible: Bool[np.ndarray, " n"]) -> Iterator[tuple[str, Bool[np.ndarray, " n"]]]:
    """Yield the sets of clips that the table distinguishes, with their masks."""
    yield ALL, np.ones_like(audible)
    if audible.any() and not audible.all():
        yield "with audio", audible
        yield "without audio", ~audible


def _estimate(
    outcomes: Outcomes, among: Bool[np.ndarray, " n"]
) -> dict[Condition, tuple[Estimate, Estimate]]:
    values: dict[str, np.ndarray] = {}
    for condition, correct in outcomes.correct.items():
        values[f"top1 {condition}"] = correct
        values[f"difference {condition}"] = -outcomes.drop(condition)
    means = estimate_means(values, outcomes.groups, among)
    return {
        condition: (
            means[f"top1 {condition}"].within(0.0),
            Estimate(0.0, 0.0, 0.0, int(among.sum()))
            if condition == CLEAN
            else means[f"difference {condition}"].within(-1.0),
        )
        for condition in outcomes.correct
    }
