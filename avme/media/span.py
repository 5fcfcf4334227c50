"""A stretch of a video, as people write it: half-open, in seconds after the first picture."""

import math
from dataclasses import dataclass

from avme.errors import UsageError


@dataclass(frozen=True, slots=True)
class Span:
    """From `start_seconds` until before `end_seconds`, or to the end of the file.

    Raises UsageError at birth where 0 <= start < end does not hold.
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
        """As it stands in an id: `5-7.25`, or `5-` for all the rest."""
        end = "" if self.end_seconds is None else _plain(self.end_seconds)
        return f"{_plain(self.start_seconds)}-{end}"


def _plain(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
