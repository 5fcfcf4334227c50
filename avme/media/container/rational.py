"""PyAV's ratios to fractions: clock ticks, rates and aspects of a stream or packet.

PyAV returns `Fraction` up to version 18 and `AVRational` from 19 on. That prints as 25/1, rounds to
32 bits in arithmetic with its own kind, and is 0/1 or n/0 where `None` was returned. No ratio of
PyAV is stored or computed with before a function of this file has read it.
"""

from fractions import Fraction
from typing import Protocol, runtime_checkable


@runtime_checkable
class Ratio(Protocol):
    """A `Fraction` or an `AVRational`."""

    @property
    def numerator(self) -> int:
        """Return the number above the bar."""

    @property
    def denominator(self) -> int:
        """Return the number below the bar, which FFmpeg lets be 0."""


def as_fraction(ratio: Ratio | None) -> Fraction | None:
    """Return the exact value; None for a ratio that is not set, zero or infinite."""
    if isinstance(ratio, Fraction):
        return ratio or None
    if ratio is None or not ratio.numerator or not ratio.denominator:
        return None
    return Fraction(ratio.numerator, ratio.denominator)


def to_seconds(ticks: int, time_base: Ratio) -> float:
    """Return the time of `ticks` of a clock whose tick lasts `time_base` seconds, which is set.

    The quotient is rounded once, as that of a `Fraction` is.
    """
    return ticks * time_base.numerator / time_base.denominator
