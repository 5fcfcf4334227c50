"""Metrics of a list of scored clips: accuracies with intervals, loss and calibration."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from avme.audio.loudness import AUDIO_STATES
from avme.evaluation.calibration import describe_calibration
from avme.evaluation.intervals import Groups
from avme.shards.dataset import ClipEntry
from avme.train.evaluator import EvalScores, top_k_correct


def summarize_scores(
    scores: EvalScores, entries: tuple[ClipEntry, ...], ranks: tuple[int, ...], groups: Groups
) -> dict[str, Any]:
    """Return the metrics of all clips, of one view of each, and of the clips of each audio state.

    Args:
        scores: Scores of the clips.
        entries: The clips.
        ranks: Values of k.
        groups: Groups of the clips, which the intervals resample.
    """
    correct = {k: scores.correct(k) for k in ranks}
    center = {k: top_k_correct(scores.label, scores.center, k) for k in ranks}
    states, everything = np.array([entry.audio for entry in entries]), np.ones(len(entries), bool)
    by_audio = {
        state: _accuracies(correct, groups, states == state)
        for state in AUDIO_STATES
        if (states == state).any()
    }
    return {
        **_accuracies(correct, groups, everything),
        "center_view": _accuracies(center, groups, everything),
        "interval_method": groups.describe(),
        "by_audio": by_audio,
        "cross_entropy": scores.cross_entropy(),
        "calibration": describe_calibration(scores.probability, scores.label),
        "distinct_views_per_clip": float(scores.views.mean()),
    }


def count_quarantined(
    summary: Mapping[str, Any], ranks: tuple[int, ...], quarantined: int | None
) -> dict[str, Any]:
    """Return the number of clips of the list that prep could not decode, and top-k with them.

    Args:
        summary: Metrics of the scored clips.
        ranks: Values of k.
        quarantined: Number of such clips; None for a subset by audio, which theirs is not known.

    Returns:
        `quarantined`, and `quarantined_as_wrong`: accuracies in which these clips are wrong.
    """
    if quarantined is None:
        return {"quarantined": None, "quarantined_as_wrong": None}
    total = summary["n"] + quarantined
    tops = {f"top{k}": summary[f"top{k}"] * summary["n"] / total for k in ranks}
    return {"quarantined": quarantined, "quarantined_as_wrong": {"n": total, **tops}}


def _accuracies(
    correct: dict[int, Bool[np.ndarray, " n"]], groups: Groups, among: Bool[np.ndarray, " n"]
) -> dict[str, Any]:
    intervals = {k: groups.interval(right, among) for k, right in correct.items()}
    return {
        "n": int(among.sum()),
        **{f"top{k}": float(right[among].mean()) for k, right in correct.items()},
        "intervals": {f"top{k}": [found.low, found.high] for k, found in intervals.items()},
        "design_effect": {
            f"top{k}": None if np.isnan(found.design_effect) else found.design_effect
            for k, found in intervals.items()
        },
    }
