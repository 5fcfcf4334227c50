"""Of the frames before a start only the one on screen there is written."""

import io
from fractions import Fraction

import pytest

from avme.media.ffmpeg.frame_writer import FrameWriter

TICK = Fraction(1, 25)


def written(start: float | None, counts: list[int]) -> tuple[FrameWriter, bytes]:
    sink = io.BytesIO()
    writer = FrameWriter(sink, start)
    for count in counts:
        writer.add(count, TICK, bytes([count]))
    writer.finish()
    return writer, sink.getvalue()


@pytest.mark.parametrize(
    ("start", "expected", "zero"),
    [
        (None, [0, 1, 2, 10, 11], Fraction(0)),
        (0.4, [10, 11], Fraction(2, 5)),  # frame 10 appears exactly then
        (0.2, [2, 10, 11], Fraction(1, 5)),  # frame 2 is on screen until 0.4 s
        (9.0, [11], Fraction(9)),
    ],
)
def test_writer_begins_with_the_frame_on_screen(
    start: float | None, expected: list[int], zero: Fraction
) -> None:
    writer, data = written(start, [0, 1, 2, 10, 11])

    assert list(data) == expected == list(writer.ticks)
    assert list(writer.sizes) == [1] * len(expected)
    assert writer.zero == zero
    assert writer.tick == TICK
