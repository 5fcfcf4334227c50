"""Shared space of two streams of features, by regularized canonical correlation analysis.

A masked autoencoder trains no space in which video and audio can be compared: it is learned here,
in closed form, from pairs of the train list. Both streams are centered, whitened with a ridge on
their covariance (Vinod 1976, "Canonical ridge and econometrics of joint production"), and rotated
to the singular vectors of the whitened cross-covariance. Every component is weighted by its
canonical correlation, so that those without a relation do not count.

Shape letters: n clips, d and e channels of the two streams, q components.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64


@dataclass(frozen=True, slots=True)
class SharedSpace:
    """Linear map of both streams into one space."""

    mean: tuple[Float64[np.ndarray, " d"], Float64[np.ndarray, " e"]]
    project: tuple[Float64[np.ndarray, "d q"], Float64[np.ndarray, "e q"]]
    correlation: Float64[np.ndarray, " q"]
    """Canonical correlations in training, descending; with a ridge they are shrunk."""

    def map_first(self, features: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n q"]:
        """Map features of the first stream."""
        return np.asarray((features - self.mean[0]) @ self.project[0], dtype=np.float32)

    def map_second(self, features: Float[np.ndarray, "n e"]) -> Float32[np.ndarray, "n q"]:
        """Map features of the second stream."""
        return np.asarray((features - self.mean[1]) @ self.project[1], dtype=np.float32)


def fit_shared_space(
    first: Float[np.ndarray, "n d"], second: Float[np.ndarray, "n e"], ridge: float
) -> SharedSpace:
    """Fit the space on pairs: row i of both streams belongs to the same clip.

    Args:
        first: Features of one stream.
        second: Features of the other.
        ridge: Regularization, as a fraction of the mean variance of each stream.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    means = (one.mean(axis=0), other.mean(axis=0))
    one, other = one - means[0], other - means[1]
    whiten = (_inverse_root(one, ridge), _inverse_root(other, ridge))
    cross = whiten[0] @ (one.T @ other / len(one)) @ whiten[1]
    left, correlation, right = np.linalg.svd(cross, full_matrices=False)
    return SharedSpace(
        mean=means,
        project=(whiten[0] @ left * correlation, whiten[1] @ right.T * correlation),
        correlation=correlation,
    )


def _inverse_root(centered: Float64[np.ndarray, "n d"], ridge: float) -> Float64[np.ndarray, "d d"]:
    """Return the inverse root of the covariance plus the ridge; 0 in directions without either."""
    covariance = centered.T @ centered / len(centered)
    value, vector = np.linalg.eigh(covariance)
    value = np.maximum(value, 0.0)
    added = value + ridge * value.mean()
    is_used = added > added.max(initial=0.0) * np.finfo(np.float64).eps * len(added)
    root = np.where(is_used, 1.0 / np.sqrt(np.where(is_used, added, 1.0)), 0.0)
    return np.asarray(vector * root @ vector.T)
