"""Scores of clips by a classifier on features."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from avme.train.evaluator import top_k_correct


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Score of every class for some clips: the higher, the more likely.

    Shape letters: n clips, l classes.
    """

    label: Int[np.ndarray, " n"]
    score: Float[np.ndarray, "n l"]

    def correct(self, k: int) -> Bool[np.ndarray, " n"]:
        """Return whether the true class of each clip is among the k highest; ties count against."""
        return top_k_correct(self.label, self.score, k)

    def top(self, k: int) -> float:
        """Return top-k accuracy."""
        return float(self.correct(k).mean())
