"""Multinomial logistic regression with an L2 penalty, fitted by L-BFGS.

The objective is scikit-learn's for several classes, C times the sum of the cross-entropies plus
half the squared norm of the weights, without a penalty on the biases. It is convex: the result does
not depend on a seed. Rows are read in blocks, so that memory grows by the features only.

Shape letters: n clips, m test clips, d features, k classes of the train list, l all classes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Float64, Int
from scipy.optimize import minimize
from scipy.special import log_softmax

from avme.features.scores import ClassScores

GRID: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
USUAL_C: Final = 1e-2
"""C without groups to hold out."""
_MOST_ITERATIONS: Final = 1_000
_TOLERANCE: Final = 1e-5
"""Largest component of the gradient of the mean loss at the end."""
_BLOCK_ROWS: Final = 8_192


@dataclass(frozen=True, slots=True)
class Standardizer:
    """Mean and deviation of every feature over the train list; NaN becomes the mean."""

    mean: Float64[np.ndarray, " d"]
    deviation: Float64[np.ndarray, " d"]

    @classmethod
    def of(cls, features: Float32[np.ndarray, "n d"]) -> "Standardizer":
        """Measure the values that are not NaN; a feature without any has mean 0 and deviation 1."""
        known = ~np.isnan(features)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, features, 0.0).sum(axis=0, dtype=np.float64) / count
        square = np.where(known, features - mean, 0.0) ** 2
        deviation = np.sqrt(square.sum(axis=0) / count)
        return cls(mean, np.where(deviation > 0.0, deviation, 1.0))

    def apply(self, features: Float32[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
        """Return standardized features."""
        return np.asarray(np.nan_to_num((features - self.mean) / self.deviation, nan=0.0))


@dataclass(frozen=True, slots=True)
class LogisticRegression:
    """Fitted classifier of standardized features."""

    weight: Float64[np.ndarray, "d k"]
    bias: Float64[np.ndarray, " k"]
    is_converged: bool

    def log_probability(self, features: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return the logarithm of the probability of every class."""
        logits: Float64[np.ndarray, "n k"] = features @ self.weight + self.bias
        return np.asarray(log_softmax(logits, axis=1))


def fit_logistic(
    features: Float64[np.ndarray, "n d"], label: Int[np.ndarray, " n"], *, c: float
) -> LogisticRegression:
    """Fit a classifier; labels are 0 to k - 1, and each occurs.

    Args:
        features: Standardized features.
        label: Classes.
        c: Inverse strength of the penalty, for the sum over clips.
    """
    num_rows, num_features = features.shape
    num_classes = int(label.max()) + 1
    penalty = 1.0 / (c * num_rows)

    def objective(flat: Float64[np.ndarray, " p"]) -> tuple[float, Float64[np.ndarray, " p"]]:
        values = flat.reshape(num_features + 1, num_classes)
        weight, gradient, loss = values[:-1], np.zeros_like(values), 0.0
        for begin in range(0, num_rows, _BLOCK_ROWS):
            block, wanted = (each[begin : begin + _BLOCK_ROWS] for each in (features, label))
            log_probability = log_softmax(block @ weight + values[-1], axis=1)
            at = np.arange(len(block)), wanted
            loss -= float(log_probability[at].sum())
            excess = np.exp(log_probability)
            excess[at] -= 1.0
            gradient[:-1] += block.T @ excess
            gradient[-1] += excess.sum(axis=0)
        gradient /= num_rows
        gradient[:-1] += penalty * weight
        return loss / num_rows + 0.5 * penalty * float((weight**2).sum()), gradient.ravel()

    found = minimize(
        objective,
        np.zeros((num_features + 1) * num_classes),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": _MOST_ITERATIONS,
            "maxfun": 2 * _MOST_ITERATIONS,
            "gtol": _TOLERANCE,
            "ftol": 64 * np.finfo(np.float64).eps,
        },
    )
    values = found.x.reshape(num_features + 1, num_classes)
    return LogisticRegression(values[:-1], values[-1], bool(found.success))


def fit_and_score(
    features: Float32[np.ndarray, "n d"],
    label: Int[np.ndarray, " n"],
    test: Float32[np.ndarray, "m d"],
    test_label: Int[np.ndarray, " m"],
    *,
    c: float,
    num_classes: int,
) -> tuple[ClassScores, int]:
    """Standardize, fit and score; classes without a train clip have probability 0.

    Args:
        features: Features of the train list.
        label: Its classes.
        test: Features of the test list.
        test_label: Its classes.
        c: Inverse strength of the penalty.
        num_classes: Number of classes.

    Returns:
        Log probabilities of the test clips, and 1 if the fit did not converge.
    """
    present, index = np.unique(label, return_inverse=True)
    standardizer = Standardizer.of(features)
    model = fit_logistic(standardizer.apply(features), index, c=c)
    score: Float[np.ndarray, "m l"] = np.full((len(test), num_classes), -np.inf)
    score[:, present] = model.log_probability(standardizer.apply(test))
    return ClassScores(test_label.astype(np.int64), score), int(not model.is_converged)
