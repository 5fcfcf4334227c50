"""The table of `prep`: all of it beside ffmpeg alone, of the same videos."""

from pathlib import Path

import pytest

from avme.bench.prep import bench_prep
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow


def test_bench_prep_compares_the_same_videos_and_leaves_no_files(
    prepared: PreparedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    found = bench_prep(
        prepared.folder, videos=None, clips=4, rounds=2, workers=1, report=NullReporter()
    )

    alone, prep = found.rows
    assert (alone.name, prep.name) == ("ffmpeg alone", "avme prep")
    assert (found.clips, found.workers) == (4, 1)
    assert found.video_seconds == pytest.approx(39 / 25)
    assert alone.ratio == alone.core_ratio == 1
    assert prep.ratio == pytest.approx(prep.seconds / alone.seconds)
    assert prep.core_seconds > alone.core_seconds > 0
    assert prep.real_time == pytest.approx(found.video_seconds / prep.seconds)
    assert all(row.fastest <= row.seconds <= row.slowest for row in found.rows)
    assert all(row.core_fastest <= row.core_seconds <= row.core_slowest for row in found.rows)
    assert not list(tmp_path.iterdir())
