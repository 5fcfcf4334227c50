"""Span of a video: half-open, in seconds after the first frame."""

import math
from dataclasses import dataclass

from avme.errors import UsageError


@dataclass(frozen=True, slots=True)
class Span:
    """Span from `start_seconds` to before `end_seconds`, or to the end of the file.

    Raises UsageError unless 0 <= start < end.
    """

    start_seconds: float
    end_seconds: float | None = None

    def __post_init__(self) -> None:
        end = math.inf if self.end_seconds is None else self.end_seconds
        bounded = self.end_seconds is None or math.isfinite(self.end_seconds)
        if not (0.0 <= self.start_seconds < end and bounded):
            raise UsageError(
                f"found a cut from {self.start_seconds:g} to {end:g} s, expected 0 <= start < end"
            )

    def __str__(self) -> str:
        """Format as in an id: `5-7.25`, or `5-` to the end."""
        end = "" if self.end_seconds is None else _plain(self.end_seconds)
        return f"{_plain(self.start_seconds)}-{end}"


def _plain(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
