"""Cost estimate from a sample of clips."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from avme.media.decode import Recipe
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.span import Span
from avme.prep.cost import CostRate, measure_cost
from avme.prep.write_shard import LabeledClip, ShardTask, write_shard
from avme.sources.clip_table import Selection, SourceClip, build_clip_table

RECIPE = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 20.0)


def clip_of(path: Path, span: Span | None = None, name: str = "") -> SourceClip:
    num_bytes = path.stat().st_size if path.exists() else 1000
    mtime_ns = path.stat().st_mtime_ns if path.exists() else 1
    return SourceClip(name or path.name, path, "A", "", None, num_bytes, mtime_ns, span)


def selection(clips: Iterable[SourceClip]) -> Selection:
    table = build_clip_table(clips)
    return Selection(table, np.arange(len(table)))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]) -> Path:
    return make_video(tmp_path_factory.mktemp("cost") / "a.avi", frames=25)


def test_measure_of_one_clip_estimates_the_size_of_its_shard(video: Path, tmp_path: Path) -> None:
    clips = selection([clip_of(video)])

    rate = measure_cost(clips, RECIPE)

    done = write_shard(ShardTask("s.h5", tmp_path, tmp_path, (LabeledClip(clips[0], 0),), RECIPE))
    assert (rate.unit, rate.num_clips, rate.num_bad) == ("byte", 1, 0)
    assert rate.num_bytes(clips) == pytest.approx(done.num_bytes, rel=0.02)
    assert 0 < rate.seconds(clips) <= rate.measured_seconds


def test_measure_takes_at_most_eight_clips_and_counts_failed_ones(tmp_path: Path) -> None:
    rate = measure_cost(selection(clip_of(tmp_path / f"{n:02d}.avi") for n in range(80)), RECIPE)

    assert (rate.num_clips, rate.num_bad) == (8, 8)
    assert rate.bytes_per_unit == 0.0


@pytest.mark.slow
def test_measure_spreads_its_sample_over_the_list(video: Path, tmp_path: Path) -> None:
    """Of 80 files the middle of every tenth is taken, so that exactly those decode."""
    for number in range(5, 80, 10):
        shutil.copy(video, tmp_path / f"{number:02d}.avi")

    rate = measure_cost(selection(clip_of(tmp_path / f"{n:02d}.avi") for n in range(80)), RECIPE)

    assert (rate.num_clips, rate.num_bad) == (8, 0)


@pytest.mark.parametrize(
    ("ends", "unit"), [((0.5, 1.0), "second"), ((0.5, None), "clip"), ((None, None), "clip")]
)
def test_measure_of_segments_counts_seconds_or_clips(
    ends: tuple[float | None, float | None], unit: str, video: Path
) -> None:
    clips = selection(
        clip_of(video, Span(0.25 * row, end), name=f"a.avi#{row}") for row, end in enumerate(ends)
    )

    assert measure_cost(clips, RECIPE).unit == unit


@pytest.mark.parametrize(
    ("unit", "size"), [("byte", 2 * 1000.0), ("second", 1.5 + 3.0), ("clip", 2.0)]
)
def test_rate_adds_the_size_of_an_empty_shard_once(unit: str, size: float, tmp_path: Path) -> None:
    rate = CostRate(
        unit=unit,  # type: ignore[arg-type]
        num_clips=2,
        num_bad=0,
        measured_seconds=1.0,
        bytes_per_shard=100.0,
        bytes_per_unit=7.0,
        seconds_per_unit=0.5,
    )
    clips = [clip_of(tmp_path / "x", Span(0.0, 1.5)), clip_of(tmp_path / "y", Span(1.0, 4.0))]

    assert rate.num_bytes(clips) == pytest.approx(100 + 7 * size)
    assert rate.seconds(clips) == pytest.approx(size / 2)


def test_measure_of_long_clip_prepares_its_middle_and_scales(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    video = make_video(tmp_path / "long.avi", frames=100, fps="4")
    clips = selection([clip_of(video)])

    rate = measure_cost(clips, RECIPE)

    done = write_shard(ShardTask("s.h5", tmp_path, tmp_path, (LabeledClip(clips[0], 0),), RECIPE))
    assert rate.num_bytes(clips) == pytest.approx(done.num_bytes, rel=0.3)
