"""Clipping."""

import numpy as np
import pytest

from avme.corruptions.clipping import clipping, clipping_limit
from avme.corruptions.kinds import KINDS
from tests.corruptions.inputs import voice

LEVELS = KINDS["clipping"].levels


@pytest.mark.parametrize("level", LEVELS)
def test_stated_fraction_of_samples_is_limited(level: float) -> None:
    clean = voice(16_000)

    found = clipping(clean, level)

    assert np.mean(found != clean) == pytest.approx(level, abs=0.002)
    assert np.abs(found.astype(int)).max() == clipping_limit(clean, level)


def test_samples_below_the_limit_stay_and_signs_too() -> None:
    clean = voice(4000)
    limit = clipping_limit(clean, 0.25)

    found = clipping(clean, 0.25)

    quiet = np.abs(clean.astype(int)) <= limit
    assert (found[quiet] == clean[quiet]).all()
    assert (np.sign(found) == np.sign(clean)).all()


def test_samples_of_one_magnitude_are_limited_together_or_not() -> None:
    clean = np.array([0, 0, 0, 0, 0, 5, -5, 5, 900, -32_768], dtype=np.int16)

    assert clipping(clean, 0.5).tolist() == [0, 0, 0, 0, 0, 1, -1, 1, 1, -1]
    assert clipping(clean, 0.2).tolist() == [0, 0, 0, 0, 0, 5, -5, 5, 5, -5]
    assert clipping(clean, 0.0).tolist() == [0, 0, 0, 0, 0, 5, -5, 5, 900, -32_768]


def test_square_wave_at_full_scale_is_already_clipped() -> None:
    clean = np.where(np.arange(100) % 10 < 5, 32_767, -32_768).astype(np.int16)

    assert (clipping(clean, 0.5) == np.maximum(clean, -32_767)).all()
    assert (clipping(clean, 0.25) == clean).all()


@pytest.mark.parametrize("length", [0, 1, 2])
def test_few_samples_keep_their_length(length: int) -> None:
    assert len(clipping(voice(9)[:length], 0.5)) == length
