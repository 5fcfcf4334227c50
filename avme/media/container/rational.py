"""Rational numbers of PyAV as fractions: clock ticks, rates and aspects.

PyAV returns `Fraction` up to version 18 and `AVRational` from 19 on. The latter prints as 25/1,
rounds to 32 bits in arithmetic with its own kind, and is 0/1 or n/0 where `None` was returned. No
ratio of PyAV is stored or computed with before it is converted here.
"""

from fractions import Fraction
from typing import Protocol, runtime_checkable


@runtime_checkable
class Ratio(Protocol):
    """A `Fraction` or an `AVRational`."""

    @property
    def numerator(self) -> int:
        """Numerator."""

    @property
    def denominator(self) -> int:
        """Denominator, which FFmpeg allows to be 0."""


def as_fraction(ratio: Ratio | None) -> Fraction | None:
    """Return the exact value; None for an unset, zero or infinite ratio."""
    if isinstance(ratio, Fraction):
        return ratio or None
    if ratio is None or not ratio.numerator or not ratio.denominator:
        return None
    return Fraction(ratio.numerator, ratio.denominator)


def to_seconds(ticks: int, time_base: Ratio) -> float:
    """Return the time of `ticks` of a clock whose tick lasts `time_base` seconds, which is set.

    The quotient is rounded once, as that of a `Fraction`.
    """
    return ticks * time_base.numerator / time_base.denominator
