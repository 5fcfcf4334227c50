"""MFCC recomputed from stored samples are the stored ones to the last bit, in any window."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avme.data.recompute_mfcc import recompute_mfcc
from avme.media.span import Span
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.reader import ShardReader

NOISE = "anoisesrc=r=22050:a=0.3:seed=5:d=3"
CUTS = (Span(0.0, None), Span(0.31, 1.9), Span(1.0, 1.2))
"""Of a file at 29.97 fps: all of it, and two segments."""


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory,
    make_video: Callable[..., Path],
    run_prep: Callable[..., PreparedDataset],
) -> PreparedDataset:
    root = tmp_path_factory.mktemp("recompute")
    make_video(root / "a.mkv", frames=80, fps="30000/1001", audio=NOISE)
    make_video(root / "late.mkv", audio=NOISE, frames=40, options=("-af", "asetpts=PTS+0.3/TB"))
    make_video(root / "silent.avi", audio=None)
    rows = [f"a.mkv,x,train,{cut.start_seconds},{cut.end_seconds or ''}" for cut in CUTS]
    rows += ["late.mkv,y,train,,", "silent.avi,y,test,,"]
    (root / "clips.csv").write_text("\n".join(["path,label,split,start,end", *rows, ""]))
    return run_prep(root / "clips.csv", root / "out", layout="csv", num_workers=1)


def reader_of(prepared: PreparedDataset, entry: ClipEntry) -> ShardReader:
    return ShardReader(prepared.shard_path(entry))


def test_recompute_from_stored_samples_equals_the_stored_rows(prepared: PreparedDataset) -> None:
    seen = 0
    for entry in prepared.entries:
        reader = reader_of(prepared, entry)
        samples, start_seconds = reader.pcm(entry.row)
        num_rows = 4 * entry.num_frames
        assert (len(samples) > 0) == (entry.audio == "audible")
        for rows in [(0, num_rows), (-8, num_rows + 8), (5, 6), (33, 97), (num_rows - 3, num_rows)]:
            found, valid = recompute_mfcc(
                reader, entry.row, rows, entry.fps, samples, start_seconds
            )
            stored, stored_valid = reader.mfcc(entry.row, *rows)
            assert np.array_equal(found, stored), (entry.id, rows)
            assert np.array_equal(valid, stored_valid)
            seen += int(valid.sum())
        reader.close()

    assert seen > 1000


def test_recompute_of_shifted_samples_gives_rows_of_another_time(prepared: PreparedDataset) -> None:
    entry = next(entry for entry in prepared.entries if entry.num_frames == 80)
    reader = reader_of(prepared, entry)
    samples, start_seconds = reader.pcm(entry.row)

    later, valid = recompute_mfcc(
        reader, entry.row, (0, 160), Fraction(30_000, 1001), samples, start_seconds - 1.001
    )

    # 1.001 s are thirty frames, or 120 rows
    assert valid.all()
    assert np.allclose(later, reader.mfcc(entry.row, 120, 280)[0], atol=1e-4)


def test_recompute_where_no_sample_reaches_gives_rows_of_silence(prepared: PreparedDataset) -> None:
    entry = next(entry for entry in prepared.entries if entry.num_frames == 80)
    reader = reader_of(prepared, entry)

    rows, valid = recompute_mfcc(
        reader, entry.row, (0, 40), entry.fps, np.zeros(0, dtype=np.int16), 0.0
    )

    assert valid.all()
    assert np.allclose(rows[:, 0], np.log(np.finfo(float).eps))
