"""Writer of the JPEGs that are on screen from the start of a segment, to a binary file."""

from array import array
from fractions import Fraction
from typing import Protocol, runtime_checkable

from avme.media.container.displayed_frame import GRACE_SECONDS
from avme.media.container.rational import Ratio, to_seconds

_SLIVER_SECONDS = 0.001
"""A frame that disappears within this time after the start is dropped: Matroska and FLV round times
to it."""


@runtime_checkable
class Sink(Protocol):
    """Destination of JPEGs: an open binary file."""

    def write(self, data: bytes, /) -> int:
        """Append all of `data`."""


class FrameWriter:
    """Writer of the frames that are on screen from a start time on."""

    def __init__(self, sink: Sink, start_seconds: float | None) -> None:
        self.sizes, self.ticks = array("q"), array("q")
        self._tick: Ratio = Fraction(1)
        self._sink, self._start = sink, start_seconds
        self._waiting: tuple[int, bytes] | None = None

    @property
    def tick(self) -> Fraction:
        """Seconds per tick of the file's clock."""
        return Fraction(self._tick.numerator, self._tick.denominator)

    @property
    def zero(self) -> Fraction:
        """Time zero on the clock of the file: the first frame, or a later start."""
        first = self.ticks[0] * self.tick
        if self._start is None or first > self._start - GRACE_SECONDS:
            return first
        return Fraction(self._start).limit_denominator(10**9)  # the written value

    def add(self, count: int, tick: Ratio, jpeg: bytes) -> None:
        """Add a frame; later calls have later times.

        Args:
            count: Time in ticks.
            tick: Seconds per tick.
            jpeg: Encoded frame.
        """
        self._tick = tick
        if self._start is not None and to_seconds(count, tick) <= self._start + _SLIVER_SECONDS:
            self._waiting = (count, jpeg)  # replaces the previous one on screen
            return
        self.finish()
        self._write(count, jpeg)

    def finish(self) -> None:
        """Write a frame that was on screen at the start."""
        if self._waiting is not None:
            self._write(*self._waiting)
            self._waiting = None

    def _write(self, count: int, jpeg: bytes) -> None:
        self.ticks.append(count)
        self.sizes.append(self._sink.write(jpeg))
