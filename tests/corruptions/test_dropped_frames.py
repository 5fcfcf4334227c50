"""Dropped frames."""

from itertools import pairwise

import numpy as np
import pytest

from avme.corruptions.dropped_frames import dropped_frames, shown_frames
from avme.corruptions.kinds import KINDS
from tests.corruptions.inputs import texture

LEVELS = KINDS["dropped-frames"].levels


@pytest.mark.parametrize(
    ("kept_fraction", "expected"),
    [
        (1.0, [0, 1, 2, 3, 4, 5, 6, 7]),
        (0.75, [0, 0, 2, 3, 4, 4, 6, 7]),
        (0.5, [0, 0, 2, 2, 4, 4, 6, 6]),
        (0.25, [0, 0, 0, 0, 4, 4, 4, 4]),
        (0.125, [0] * 8),
    ],
)
def test_gaps_show_the_last_frame_before_them(kept_fraction: float, expected: list[int]) -> None:
    assert shown_frames(8, kept_fraction).tolist() == expected


@pytest.mark.parametrize("num_frames", [16, 64, 160])
def test_kept_frames_are_the_stated_fraction_and_contain_those_of_the_next(num_frames: int) -> None:
    kept = [set(shown_frames(num_frames, level).tolist()) for level in LEVELS]

    assert [len(each) / num_frames for each in kept] == list(LEVELS)
    assert all(a > b for a, b in pairwise(kept))


def test_frames_are_copies_of_shown_ones() -> None:
    clean = texture(9, 8, 8)

    found = dropped_frames(clean, 0.25)

    assert (found == clean[[0, 0, 0, 0, 4, 4, 4, 4, 8]]).all()
    assert not np.shares_memory(found, clean)


def test_single_frame_stays() -> None:
    clean = texture(1, 8, 8)

    assert all((dropped_frames(clean, level) == clean).all() for level in LEVELS)
