"""Degradation curves: accuracy with real and with null audio by severity, and the area between.

Shape letters: n clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avme.evaluation.contrasts import Estimate, estimate_means
from avme.evaluation.controls.conditions import CLEAN, NO_AUDIO, Condition, Outcomes


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


def degraded(kind: str, severity: int, *, audio: bool) -> Condition:
    """Return the condition of a severity, with the real audio or without audio.

    Args:
        kind: Kind of degradation.
        severity: 1 to 5, 0 for none.
        audio: False for null audio.
    """
    clean = CLEAN if audio else NO_AUDIO
    return Condition(clean.audio, clean.frames, f"{kind}={severity}" if severity else "")


def measure_curve(
    outcomes: Outcomes, kind: str, severities: Sequence[int], *, of_audio: bool
) -> DegradationCurve | None:
    """Return the curve of a degradation; None if a severity was not measured.

    Args:
        outcomes: Outcomes of the battery.
        kind: Kind of degradation.
        severities: Severities above 0, in order.
        of_audio: The degradation changes audio, so that null audio is the same at all severities.
    """
    levels = (0, *severities)
    real = [degraded(kind, level, audio=True) for level in levels]
    null = [degraded(kind, 0 if of_audio else level, audio=False) for level in levels]
    if not outcomes.has(*real, *null) or not outcomes.audible.any():
        return None
    values: dict[str, np.ndarray] = {}
    for level, with_audio, without in zip(levels, real, null, strict=True):
        values[f"real {level}"] = outcomes.correct[with_audio]
        values[f"null {level}"] = outcomes.correct[without]
        values[f"gain {level}"] = outcomes.drop(without, with_audio)
    values["area"] = np.mean([values[f"gain {level}"] for level in severities], axis=0)
    values["growth"] = values["area"] - values["gain 0"]
    means = estimate_means(values, outcomes.groups, outcomes.audible)
    real_means, null_means, gains = (
        tuple(means[f"{name} {level}"] for level in levels) for name in ("real", "null", "gain")
    )
    return DegradationCurve(
        kind, levels, real_means, null_means, gains, means["area"], means["growth"]
    )
