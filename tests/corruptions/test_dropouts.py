"""Dropouts."""

from itertools import pairwise

import numpy as np
import pytest

from avme.corruptions.dropouts import dropouts
from avme.corruptions.kinds import KINDS
from avme.corruptions.seeds import clip_generator

LEVELS = KINDS["dropouts"].levels


def lost(num_samples: int, level: float, name: str = "clip") -> np.ndarray:
    samples = np.full(num_samples, 700, dtype=np.int16)
    return np.asarray(dropouts(samples, level, clip_generator(name, "dropouts")) == 0)


@pytest.mark.parametrize("num_samples", [640, 16_000, 40_960])
def test_lost_time_is_the_stated_fraction_and_contained_in_that_of_the_next(
    num_samples: int,
) -> None:
    masks = [lost(num_samples, level) for level in LEVELS]

    assert [mask.mean() for mask in masks] == pytest.approx(list(LEVELS), abs=0.011)
    assert all((b >= a).all() for a, b in pairwise(masks))


def test_packets_last_20_ms() -> None:
    mask = lost(16_000, 0.2)

    ends = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    assert len(ends) > 2
    assert (ends % 320 == 0).all()


def test_clips_lose_different_packets() -> None:
    assert (lost(16_000, 0.2, "a") != lost(16_000, 0.2, "b")).any()


@pytest.mark.parametrize("length", [1, 2, 19, 21, 401])
def test_short_clips_keep_their_length(length: int) -> None:
    assert len(lost(length, 0.6)) == length
