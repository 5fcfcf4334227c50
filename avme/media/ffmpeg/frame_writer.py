"""JPEGs with times to those that are on screen from the start of a cut on, in a binary file."""

from array import array
from fractions import Fraction
from typing import Protocol, runtime_checkable

from avme.media.container.displayed_frame import GRACE_SECONDS
from avme.media.container.rational import Ratio, to_seconds

_SLIVER_SECONDS = 0.001
"""A picture that leaves the screen so soon after a start is left out: times of Matroska and FLV are
rounded to this."""


@runtime_checkable
class Sink(Protocol):
    """Where JPEGs go: an open binary file."""

    def write(self, data: bytes, /) -> int:
        """Appends all of `data`."""


class FrameWriter:
    """Writer of the pictures that are on screen from a start on."""

    def __init__(self, sink: Sink, start_seconds: float | None) -> None:
        self.sizes, self.ticks = array("q"), array("q")
        self._tick: Ratio = Fraction(1)
        self._sink, self._start = sink, start_seconds
        self._waiting: tuple[int, bytes] | None = None

    @property
    def tick(self) -> Fraction:
        """Return the seconds of a tick of the file's clock."""
        return Fraction(self._tick.numerator, self._tick.denominator)

    @property
    def zero(self) -> Fraction:
        """Return time zero on the clock of the file: the first picture, or a later start."""
        first = self.ticks[0] * self.tick
        if self._start is None or first > self._start - GRACE_SECONDS:
            return first
        return Fraction(self._start).limit_denominator(10**9)  # as the time was written

    def add(self, count: int, tick: Ratio, jpeg: bytes) -> None:
        """Take one picture; those that come later appear later."""
        self._tick = tick
        if self._start is not None and to_seconds(count, tick) <= self._start + _SLIVER_SECONDS:
            self._waiting = (count, jpeg)  # it replaces the one before it on the screen
            return
        self.finish()
        self._write(count, jpeg)

    def finish(self) -> None:
        """Write a picture that was on screen at the start."""
        if self._waiting is not None:
            self._write(*self._waiting)
            self._waiting = None

    def _write(self, count: int, jpeg: bytes) -> None:
        self.ticks.append(count)
        self.sizes.append(self._sink.write(jpeg))
