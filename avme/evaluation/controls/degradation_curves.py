"""Degradation curves: accuracy with real and with null audio by severity, and the area between.

Shape letters: n clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from avme.corruptions.degradation import Degradation
from avme.evaluation.contrasts import Estimate, estimate_means
from avme.evaluation.controls.conditions import CLEAN, NO_AUDIO, Condition, Outcomes
from avme.figures.degradation import Band, Panel


@dataclass(frozen=True, slots=True)
class DegradationCurve:
    """Accuracy of the clips with audio by severity of one degradation; severity 0 is none."""

    kind: str
    severities: tuple[int, ...]
    real: tuple[Estimate, ...]
    null: tuple[Estimate, ...]
    gain: tuple[Estimate, ...]
    """Real less null, paired by clip."""
    area: Estimate
    """Mean gain over the severities above 0."""
    growth: Estimate
    """Mean gain over the severities above 0, less the gain at 0: above zero, audio helps more where
    the input is worse."""

    def as_record(self) -> dict[str, Any]:
        """Return the curve as JSON."""
        return {
            "kind": self.kind,
            "severities": list(self.severities),
            **{
                name: [each.as_record() for each in getattr(self, name)]
                for name in ("real", "null", "gain")
            },
            "area": self.area.as_record(),
            "growth": self.growth.as_record(),
        }


def curve_conditions(degradation: Degradation | None) -> tuple[Condition, Condition]:
    """Return the conditions with real and with null audio at one severity; None is severity 0.

    Null audio is the same whatever is done to the audio.
    """
    without = None if degradation is None or degradation.modality == "audio" else degradation
    return replace(CLEAN, degradation=degradation), replace(NO_AUDIO, degradation=without)


def measure_curve(
    outcomes: Outcomes, degradations: Sequence[Degradation]
) -> DegradationCurve | None:
    """Return the curve of a kind; None if a severity was not measured.

    Args:
        outcomes: Outcomes of the battery.
        degradations: Severities of the kind, in order.
    """
    levels = (0, *(each.severity for each in degradations))
    pairs = [curve_conditions(each) for each in (None, *degradations)]
    if not outcomes.has(*(each for pair in pairs for each in pair)) or not outcomes.audible.any():
        return None
    values: dict[str, np.ndarray] = {}
    for level, (real, null) in zip(levels, pairs, strict=True):
        values[f"real {level}"] = outcomes.correct[real]
        values[f"null {level}"] = outcomes.correct[null]
        values[f"gain {level}"] = outcomes.drop(null, real)
    values["area"] = np.mean([values[f"gain {level}"] for level in levels[1:]], axis=0)
    values["growth"] = values["area"] - values["gain 0"]
    means = estimate_means(values, outcomes.groups, outcomes.audible)
    real_means, null_means, gains = (
        tuple(means[f"{name} {level}"] for level in levels) for name in ("real", "null", "gain")
    )
    kind = degradations[0].kind
    return DegradationCurve(
        kind, levels, real_means, null_means, gains, means["area"], means["growth"]
    )


def measure_curves(
    outcomes: Outcomes, degradations: Sequence[Degradation]
) -> tuple[DegradationCurve, ...]:
    """Return the curve of every kind that was measured.

    Args:
        outcomes: Outcomes of the battery.
        degradations: Degradations of all kinds.
    """
    kinds = dict.fromkeys(each.kind for each in degradations)
    curves = (
        measure_curve(
            outcomes,
            sorted({d for d in degradations if d.kind == kind}, key=lambda each: each.severity),
        )
        for kind in kinds
    )
    return tuple(curve for curve in curves if curve is not None)


def panel_of(curve: DegradationCurve) -> Panel:
    """Return the panel of a figure that shows the curve."""
    area = curve.area
    return Panel(
        curve.severities,
        _band(curve.real),
        _band(curve.null),
        f"mean gain of audio {100 * area.mean:+.1f} ({100 * area.low:+.1f} to "
        f"{100 * area.high:+.1f})",
    )


def _band(estimates: Sequence[Estimate]) -> Band:
    mean, low, high = (
        np.array([getattr(each, name) for each in estimates]) for name in ("mean", "low", "high")
    )
    return Band(mean, np.maximum(low, 0.0), np.minimum(high, 1.0))
