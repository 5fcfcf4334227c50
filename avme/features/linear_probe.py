"""Linear probe: standardized features and a linear classifier.

The protocol is that of MMV (Alayrac et al. 2020): scikit-learn's StandardScaler and LinearSVC. C is
chosen from a grid on whole groups of the train list that are held out, then all of it is fitted.

Shape letters: n clips, m test clips, d channels, l classes.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float32, Int

from avme.errors import UsageError
from avme.features.file import FeatureRows
from avme.features.scores import ClassScores
from avme.sources.split_strategies import hold_out

GRID: Final = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
USUAL_C: Final = 1e-3
"""C without groups to hold out; MMV's."""
HELD_OUT: Final = 0.25
"""Fraction of every class that is held out, by whole groups."""
SEED: Final = 0
_MOST_ITERATIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Scores of the test clips by the chosen classifier."""

    scores: ClassScores
    c: float
    held_out: int
    """Clips on which C was chosen; 0 if no group could be held out."""
    validation: tuple[tuple[float, float], ...]
    """C and top-1 on these clips."""
    unconverged: int
    """Fits that reached the limit of iterations."""


@dataclass(frozen=True, slots=True)
class _Row:
    """Clip as `hold_out` needs it."""

    id: str
    class_name: str
    group: str


FitAndScore = Callable[..., tuple[ClassScores, int]]
"""(features, label, test features, test label, c=C, num_classes=classes) -> scores of the test
clips, and 1 if the fit did not converge."""


def probe(
    train: FeatureRows,
    test: FeatureRows,
    num_classes: int,
    grid: Sequence[float] = GRID,
    *,
    usual_c: float = USUAL_C,
    fit: FitAndScore | None = None,
) -> ProbeResult:
    """Choose C, fit the train list, and score the test list.

    Of values of C with equal accuracy the smallest is chosen.

    Args:
        train: Train list.
        test: Test list.
        num_classes: Number of classes.
        grid: Values of C.
        usual_c: C without groups to hold out.
        fit: Classifier; None for the support vector machine.

    Raises:
        UsageError: The train list has a single class.
    """
    fit_and_score = fit or _fit_and_score
    if len(np.unique(train.label)) < 2:
        raise UsageError(
            f"a linear probe needs two classes in the train list (got {train.class_name[0]} only): "
            "choose another split"
        )
    fitted, held = split_rows(train)
    validation: list[tuple[float, float]] = []
    unconverged = 0
    if len(held) and len(np.unique(train.label[fitted])) > 1:
        for c in sorted(grid):
            scores, stopped = fit_and_score(
                train.features[fitted],
                train.label[fitted],
                train.features[held],
                train.label[held],
                c=c,
                num_classes=num_classes,
            )
            validation.append((c, scores.top(1)))
            unconverged += stopped
    best = max(validation, key=lambda row: row[1], default=(usual_c, 0.0))[0]
    scores, stopped = fit_and_score(
        train.features, train.label, test.features, test.label, c=best, num_classes=num_classes
    )
    return ProbeResult(
        scores=scores,
        c=best,
        held_out=len(held) if validation else 0,
        validation=tuple(validation),
        unconverged=unconverged + stopped,
    )


def split_rows(rows: FeatureRows) -> tuple[Int[np.ndarray, " f"], Int[np.ndarray, " h"]]:
    """Return the indices of the clips to fit and of those held out, by whole groups.

    Shape letters: f clips to fit, h held out.
    """
    clips = [_Row(*each) for each in zip(rows.id, rows.class_name, rows.group, strict=True)]
    _, held = hold_out(clips, HELD_OUT, SEED)
    names = {clip.id for clip in held}
    is_held = np.array([name in names for name in rows.id], dtype=np.bool_)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def build_pipeline(c: float) -> Any:
    """Return scikit-learn's pipeline for one C."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    svm = LinearSVC(C=c, dual="auto", random_state=SEED, max_iter=_MOST_ITERATIONS)
    return make_pipeline(StandardScaler(), svm)


def _fit_and_score(
    features: Float32[np.ndarray, "n d"],
    label: Int[np.ndarray, " n"],
    test: Float32[np.ndarray, "m d"],
    test_label: Int[np.ndarray, " m"],
    *,
    c: float,
    num_classes: int,
) -> tuple[ClassScores, int]:
    """Return the decision values of the test clips, and 1 if the fit did not converge."""
    from sklearn.exceptions import ConvergenceWarning

    pipeline = build_pipeline(c)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        pipeline.fit(features.astype(np.float64), label)
    values = _by_class(pipeline.decision_function(test.astype(np.float64)))
    scores = np.full((len(test), num_classes), -np.inf)
    scores[:, pipeline.classes_] = values
    stopped = any(issubclass(each.category, ConvergenceWarning) for each in caught)
    return ClassScores(test_label.astype(np.int64), scores), int(stopped)


def _by_class(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "n l"]:
    """Return a column per class; for two classes scikit-learn gives one value."""
    return np.stack([-values, values], axis=1) if values.ndim == 1 else values
