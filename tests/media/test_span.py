"""Spans are written one way, and impossible ones are refused."""

import math

import pytest

from avme.errors import UsageError
from avme.media.span import Span


@pytest.mark.parametrize(
    ("start", "end", "written"),
    [
        (5.0, 7.0, "5-7"),
        (0.0, 0.5, "0-0.5"),
        (1001 / 30_000, None, "0.033367-"),
        (100.0, 1e4, "100-10000"),
    ],
)
def test_span_is_written_without_rounding_noise(
    start: float, end: float | None, written: str
) -> None:
    assert str(Span(start, end)) == written


@pytest.mark.parametrize(
    ("start", "end"),
    [(-1.0, 2.0), (2.0, 2.0), (3.0, 2.0), (math.nan, 2.0), (0.0, math.nan), (0.0, math.inf)],
)
def test_span_without_duration_is_refused(start: float, end: float) -> None:
    with pytest.raises(UsageError, match="expected 0 <= start < end"):
        Span(start, end)
