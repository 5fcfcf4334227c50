"""Statistics of a train list are those of numpy over all of its rows at once."""

import numpy as np
import pytest

from avme.shards.contents import StoredClip
from avme.shards.mfcc_stats import MfccSums
from avme.shards.record import ClipRecord


def clip(rows: np.ndarray) -> StoredClip:
    rows = rows.astype(np.float64)
    record = ClipRecord("a.avi", "Class", 0, "", 1)
    return StoredClip(record, "shard-00000.h5", 0, len(rows), rows.sum(0), (rows**2).sum(0))


def test_statistics_are_those_of_all_trained_rows() -> None:
    rng = np.random.default_rng(0)
    clips = [rng.normal(3.0, 2.0, (count, 4)) for count in (8, 1, 20)]
    sums = MfccSums()
    for rows in clips:
        sums.add(clip(rows), is_trained=True)
    sums.add(clip(rng.normal(90.0, 1.0, (5, 4))), is_trained=False)

    found, together = sums.statistics(), np.concatenate(clips)

    assert found["mfcc_rows"] == 29
    assert found["mfcc_mean"] == pytest.approx(together.mean(0))
    assert found["mfcc_deviation"] == pytest.approx(together.std(0))


def test_statistics_without_audio_change_nothing() -> None:
    sums = MfccSums()
    sums.add(clip(np.zeros((0, 2))), is_trained=True)

    assert sums.statistics() == {
        "mfcc_rows": 0,
        "mfcc_mean": [0.0, 0.0],
        "mfcc_deviation": [1.0, 1.0],
    }


def test_constant_coefficient_is_not_amplified() -> None:
    sums = MfccSums()
    sums.add(clip(np.full((4, 1), 7.0)), is_trained=True)

    assert sums.statistics()["mfcc_deviation"] == [1.0]
