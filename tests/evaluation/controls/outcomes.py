"""Outcomes of classifiers that use known parts of their input, drawn without a model."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool

from avme.evaluation.controls.conditions import (
    BATTERY_AUDIO,
    BATTERY_FRAMES,
    NEITHER,
    SHUFFLE,
    WITHIN_CLASS,
    Condition,
    Outcomes,
)
from avme.evaluation.controls.donors import derange, derange_within_classes
from avme.evaluation.intervals import Groups

N, CLASSES = 600, 6
LABEL = np.arange(N) % CLASSES
GROUP = [f"g{index // 6}" for index in range(N)]
CONDITIONS = (
    *(Condition(audio=mode) for mode in BATTERY_AUDIO),
    *(Condition(frames=mode) for mode in BATTERY_FRAMES),
    NEITHER,
)


def draw_outcomes(
    accuracy: Callable[[Condition], float],
    audible: Bool[np.ndarray, " n"] | None = None,
    only: Mapping[Condition, str] | None = None,
) -> Outcomes:
    """Draw which clips are right: the same clips first, so that equal accuracies are equal clips.

    Args:
        accuracy: Accuracy under a condition, on clips with audio.
        audible: Clips with audio; all by default.
        only: Conditions that are missing, with the reason.
    """
    missing = only or {}
    there = np.ones(N, bool) if audible is None else audible
    ease = np.random.default_rng(0).random(N)
    predicted = {}
    for condition in CONDITIONS:
        if condition not in missing:
            right = ease < accuracy(condition)
            predicted[condition] = np.where(right, LABEL, (LABEL + 1) % CLASSES)
    owner = {
        SHUFFLE: derange(GROUP, there, 0),
        WITHIN_CLASS: derange_within_classes(GROUP, LABEL.tolist(), there, 0),
    }
    return Outcomes(
        label=LABEL,
        predicted=predicted,
        correct={condition: each == LABEL for condition, each in predicted.items()},
        audible=there,
        groups=Groups(GROUP),
        owner=owner,
        missing=missing,
    )
