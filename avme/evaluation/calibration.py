"""Calibration of class probabilities, and accuracy at partial coverage.

Confidence is the highest probability of a clip, averaged over its views.

Shape letters: n clips, l classes.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

BINS = 15
COVERAGES = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


def describe_calibration(
    probability: Float[np.ndarray, "n l"], label: Int[np.ndarray, " n"]
) -> dict[str, Any]:
    """Return expected calibration error, Brier score, and the risk-coverage curve.

    Args:
        probability: Class probabilities.
        label: True classes.
    """
    confidence = probability.max(axis=1)
    correct = probability.argmax(axis=1) == label
    return {
        "ece": expected_calibration_error(confidence, correct),
        "ece_bins": BINS,
        "brier": brier_score(probability, label),
        "mean_confidence": float(confidence.mean()),
        **risk_coverage(confidence, correct),
    }


def expected_calibration_error(
    confidence: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], bins: int = BINS
) -> float:
    """Return the expected calibration error over bins of equal numbers of clips.

    Bins of equal width, as in Guo et al. 2017, leave most bins nearly empty where confidences are
    high (Nixon et al. 2019, "Measuring Calibration in Deep Learning": adaptive bins).

    Args:
        confidence: Highest class probability of each clip.
        correct: Whether it is the true class.
        bins: Number of bins; fewer clips make fewer bins.
    """
    order = np.argsort(confidence, kind="stable")
    error = 0.0
    for part in np.array_split(order, min(bins, len(order))):
        gap = float(correct[part].mean()) - float(confidence[part].mean())
        error += abs(gap) * len(part) / len(order)
    return error


def brier_score(probability: Float[np.ndarray, "n l"], label: Int[np.ndarray, " n"]) -> float:
    """Return the mean squared distance from the one-hot class, summed over classes: 0 to 2."""
    residual = probability.copy()
    residual[np.arange(len(label)), label] -= 1.0
    return float(np.square(residual).sum(axis=1).mean())


def risk_coverage(
    confidence: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"]
) -> dict[str, Any]:
    """Return the error rate of the most confident clips, at several coverages and on average.

    Clips of equal confidence share their mean error, so that the order of the list has no effect
    (Geifman & El-Yaniv 2017, "Selective Classification for Deep Neural Networks").

    Args:
        confidence: Highest class probability of each clip.
        correct: Whether it is the true class.
    """
    _, level = np.unique(-confidence, return_inverse=True)
    errors, sizes = np.bincount(level, weights=~correct), np.bincount(level)
    error = np.repeat(errors / sizes, sizes)
    count = np.arange(1, len(error) + 1)
    risk = np.cumsum(error) / count
    at = {f"{c:g}": float(risk[max(0, int(np.ceil(c * len(risk))) - 1)]) for c in COVERAGES}
    return {"risk_at_coverage": at, "area_under_risk_coverage": float(risk.mean())}
