"""k-nearest-neighbor classification of features, weighted as in DINO.

A test clip gets votes from its k most similar training clips by cosine, each exp(similarity / T)
with T = 0.07 for its class (Wu et al. 2018; Caron et al. 2021, "Emerging Properties in
Self-Supervised Vision Transformers").

Shape letters: n test clips, m training clips, d channels, l classes, k neighbors.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int

from avme.features.scores import ClassScores

NEIGHBORS: Final = (1, 5, 10, 20)
TEMPERATURE: Final = 0.07
_BLOCK_CELLS: Final = 4_000_000
"""Similarities in memory at a time."""


def vote(
    train: Float32[np.ndarray, "m d"],
    train_label: Int[np.ndarray, " m"],
    test: Float32[np.ndarray, "n d"],
    *,
    neighbors: Sequence[int],
    num_classes: int,
) -> list[Float[np.ndarray, "n l"]]:
    """Return the shares of the votes of each class, for each number of neighbors.

    Of equally similar training clips the first ones in the list count. A number above that of the
    training clips takes all of them.

    Args:
        train: Features of training clips.
        train_label: Their classes.
        test: Features of test clips.
        neighbors: Numbers of neighbors.
        num_classes: Number of classes.
    """
    gallery, queries = normalize(train), normalize(test)
    most = min(max(neighbors), len(gallery))
    shares = [np.zeros((len(queries), num_classes)) for _ in neighbors]
    step = max(1, _BLOCK_CELLS // len(gallery))
    for begin in range(0, len(queries), step):
        rows = slice(begin, begin + step)
        similarity = (queries[rows] @ gallery.T).astype(np.float64)
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :most]
        close = np.take_along_axis(similarity, nearest, axis=1)
        weight = np.exp((close - close[:, :1]) / TEMPERATURE)  # the shares are the same
        label = train_label[nearest]
        query = np.arange(len(nearest))[:, None]
        for share, count in zip(shares, neighbors, strict=True):
            np.add.at(share[rows], (query, label[:, :count]), weight[:, :count])
    return [share / share.sum(axis=1, keepdims=True) for share in shares]


def score_neighbors(
    train: Float32[np.ndarray, "m d"],
    train_label: Int[np.ndarray, " m"],
    test: Float32[np.ndarray, "n d"],
    test_label: Int[np.ndarray, " n"],
    *,
    neighbors: Sequence[int] = NEIGHBORS,
    num_classes: int,
) -> dict[int, ClassScores]:
    """Return the scores of the test clips by number of neighbors.

    Classes without a vote tie at zero, which counts against the true class: with one neighbor,
    top-5 equals top-1.

    Args:
        train: Features of training clips.
        train_label: Their classes.
        test: Features of test clips.
        test_label: Their classes.
        neighbors: Numbers of neighbors.
        num_classes: Number of classes.
    """
    shares = vote(train, train_label, test, neighbors=neighbors, num_classes=num_classes)
    return {
        k: ClassScores(test_label.astype(np.int64), share)
        for k, share in zip(neighbors, shares, strict=True)
    }


def normalize(features: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    """Scale every row to length 1; a row of zeros stays zero."""
    length = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(features / np.maximum(length, np.finfo(np.float32).tiny), dtype=np.float32)
