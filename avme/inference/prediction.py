"""Prediction of a classifier for one file: probabilities, windows and timeline.

Shape letters: l classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from avme.audio.loudness import AudioState

Ranked = tuple[tuple[str, float], ...]
"""Classes with their probabilities, from the most probable on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowScores:
    """Most probable classes of one window, averaged over its crops."""

    index: int
    start_seconds: float
    end_seconds: float
    top: Ranked
    has_audio: bool
    """True if a row of its audio was used."""


@dataclass(frozen=True, slots=True)
class TimelineSpan:
    """Successive windows with the same most probable class."""

    start_seconds: float
    end_seconds: float
    label: str
    probability: float
    """Mean over the windows."""
    num_windows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Probabilities of a file: the mean over its views, as in `avme eval`."""

    name: str
    """Path of the file; `array` for arrays."""
    classes: tuple[str, ...]
    probability: Float[np.ndarray, " l"]
    windows: tuple[WindowScores, ...]
    """In order of time."""
    num_views: int
    """Windows times crops."""
    seconds: float | None
    """Length that the file states."""
    audio: AudioState
    notes: tuple[str, ...]
    """What a reader of the result has to know: missing audio, damage, unusual formats."""

    @property
    def label(self) -> str:
        """Most probable class."""
        return self.top(1)[0][0]

    def top(self, k: int = 5) -> Ranked:
        """Return the k most probable classes of the file."""
        return rank(self.classes, self.probability, k)

    def timeline(self) -> tuple[TimelineSpan, ...]:
        """Return the runs of windows with the same class; overlaps are divided in the middle."""
        spans: list[TimelineSpan] = []
        for window in self.windows:
            label, probability = window.top[0]
            start = window.start_seconds
            if spans:
                last = spans[-1]
                if last.label == label:
                    count = last.num_windows + 1
                    mean = last.probability + (probability - last.probability) / count
                    end = max(last.end_seconds, window.end_seconds)
                    spans[-1] = TimelineSpan(last.start_seconds, end, label, mean, count)
                    continue
                if start < last.end_seconds:
                    start = (start + last.end_seconds) / 2
                    spans[-1] = TimelineSpan(
                        last.start_seconds, start, last.label, last.probability, last.num_windows
                    )
            spans.append(TimelineSpan(start, window.end_seconds, label, probability, 1))
        return tuple(spans)

    def as_record(self, k: int = 5) -> dict[str, Any]:
        """Return everything for JSON, with the k most probable classes of file and windows."""
        return {
            "file": self.name,
            "seconds": _rounded(self.seconds),
            "audio": self.audio,
            "views": self.num_views,
            "top": _as_objects(self.top(k)),
            "timeline": [
                {
                    "start": _rounded(span.start_seconds),
                    "end": _rounded(span.end_seconds),
                    "class": span.label,
                    "probability": _rounded(span.probability),
                    "windows": span.num_windows,
                }
                for span in self.timeline()
            ],
            "windows": [
                {
                    "start": _rounded(window.start_seconds),
                    "end": _rounded(window.end_seconds),
                    "has_audio": window.has_audio,
                    "top": _as_objects(window.top[:k]),
                }
                for window in self.windows
            ],
            "notes": list(self.notes),
        }


def rank(classes: tuple[str, ...], probability: Float[np.ndarray, " l"], k: int) -> Ranked:
    """Return the k most probable classes; equal ones in the order of the classes.

    Args:
        classes: Names.
        probability: Probabilities of these classes.
        k: Maximum number of classes.
    """
    order = np.argsort(-probability, kind="stable")[:k]
    return tuple((classes[index], float(probability[index])) for index in order)


def _as_objects(top: Ranked) -> list[dict[str, Any]]:
    return [{"class": name, "probability": _rounded(value)} for name, value in top]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
