"""Ratios of PyAV 18 (Fraction, None) and 19 (AVRational, 0/1, n/0) are read alike."""

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

import pytest

from avme.media.container.rational import Ratio, as_fraction, to_seconds
from avme.media.ffmpeg.frame_writer import FrameWriter


@dataclass(frozen=True)
class AVRational:
    """PyAV 19's, as far as avme reads it; 18 and older have none that streams return."""

    numerator: int
    denominator: int

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


@pytest.mark.parametrize("kind", [Fraction, AVRational])
@pytest.mark.parametrize(("over", "under"), [(25, 1), (30_000, 1001), (1, 90_000), (-1, 2)])
def test_as_fraction_of_a_ratio_is_exact(kind: type[Ratio], over: int, under: int) -> None:
    found = as_fraction(kind(over, under))  # type: ignore[call-arg]

    assert type(found) is Fraction
    assert found == Fraction(over, under)
    assert str(as_fraction(kind(25, 1))) == "25"  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "unset", [None, Fraction(0), AVRational(0, 1), AVRational(0, 0), AVRational(1, 0)]
)
def test_as_fraction_of_an_unset_ratio_is_none(unset: Ratio | None) -> None:
    assert as_fraction(unset) is None


@pytest.mark.parametrize("kind", [Fraction, AVRational])
@pytest.mark.parametrize("ticks", [0, 1, -7, 12_345, 2**62 + 1])
def test_ticks_are_rounded_once_however_many(kind: type[Ratio], ticks: int) -> None:
    for over, under in ((1, 90_000), (1001, 30_000), (1, 3)):
        exact = float(ticks * Fraction(over, under))
        assert to_seconds(ticks, kind(over, under)) == exact  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", [Fraction, AVRational])
def test_frame_writer_times_are_exact_fractions(kind: type[Ratio]) -> None:
    writer = FrameWriter(BytesIO(), None)
    for count in (3, 4):
        writer.add(count, kind(1001, 30_000), b"jpeg")  # type: ignore[call-arg]
    writer.finish()

    assert type(writer.tick) is type(writer.zero) is Fraction
    assert writer.zero == 3 * Fraction(1001, 30_000)
