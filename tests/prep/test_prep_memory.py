"""What planning, publishing and checking keep in memory, measured on sets without a video."""

import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avme.audio.loudness import Loudness
from avme.config.prep import PrepConfig
from avme.io.hashing import sha256_of
from avme.media.container.audio_track import AudioInfo
from avme.media.container.probe import MediaInfo
from avme.media.decode import DecodedClip
from avme.prep import journal
from avme.prep.plan import Plan, make_plan
from avme.prep.publish import write_manifest, write_tables
from avme.prep.request import Request, find_recipe
from avme.prep.status import is_published, manifest_of
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.shards.record import record_of
from avme.shards.writer import ShardWriter
from avme.sources.clip_table import ClipTable, ClipTableBuilder, SourceClip
from avme.sources.split_strategies import splits_by_group_number
from avme.sources.splits import SourceResult, Split
from avme.verify.shard_checks import ShardFacts, check_shard

pytestmark = pytest.mark.slow

CONFIG = PrepConfig(shard_clips=40)
MOST_BYTES_A_CLIP = 200


def clips_found(count: int) -> ClipTable:
    clips = ClipTableBuilder(Path("/videos"))
    for number in range(count):
        clip_id = f"Class/v_Class_g{number % 25 + 1:02d}_c{number // 25:06d}.avi"
        clips.add(
            SourceClip(
                id=clip_id,
                path=Path("/videos", clip_id),
                class_name="Class",
                group=f"g{number % 25 + 1:02d}",
                subset=None,
                num_bytes=200_000 + number,
                mtime_ns=1_700_000_000_123_456_789 + number,
            )
        )
    return clips.build()


def hollow_media(picture_bytes: int = 10) -> DecodedClip:
    """Two pictures that are none."""
    rate = Fraction(25)
    return DecodedClip(
        info=MediaInfo(0, "mpeg4", 32, 24, rate, 1 / rate, 2, 0.0, AudioInfo(1, "mp3", 1, 2, 0.0)),
        width=32,
        height=24,
        fps=rate,
        jpeg_bytes=np.array([picture_bytes, picture_bytes]),
        pts=np.array([0.0, 0.04]),
        audio="audible",
        loudness=Loudness(-23.1, -1.2, 0.1),
        audio_start_seconds=0.0,
        audio_seconds=7.1,
        mfcc=np.ones((8, 13), dtype=np.float32),
        audio_rows=(0, 8),
        ffmpeg_log="",
        pcm=np.ones(1400, dtype=np.int16),
    )


def planned(clips: ClipTable, folder: Path, splits: tuple[Split, ...] = ()) -> Plan:
    request = Request("ucf101", folder, out=folder.parent, name=folder.name, config=CONFIG)
    return make_plan(request, SourceResult(clips, splits), find_recipe(CONFIG), NullReporter())


def write_shards(folder: Path, count: int) -> None:
    plan, media = planned(clips_found(count), folder), hollow_media()
    plan.write()
    for name, clips in plan.shards.items():
        with ShardWriter(folder / "spool", 13) as shard:
            for clip in clips:
                shard.spool.write(bytes(20))
                shard.add(record_of(clip, 0, "a" * 64, media), media)
            shard.write(plan.shard_path(name))


def peak_of_publishing(folder: Path, count: int) -> int:
    """Most bytes at a time, from the search to the finished set and a look at it."""
    tracemalloc.start()
    try:
        clips = clips_found(count)
        splits = splits_by_group_number(clips, [])
        plan = planned(clips, folder, splits)
        plan.write()
        tally = write_tables(plan, splits)
        done = journal.account(folder, [plan.shard_path(name) for name in plan.shards])
        write_manifest(plan, tally, splits, done, name="x", layout="ucf101", config=CONFIG)
        assert is_published(folder, manifest_of(folder), splits, None)
        PreparedDataset.open(folder, lazy=True)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_prep_memory_per_clip_in_the_parent_is_negligible(tmp_path: Path) -> None:
    few, many = 200, 800
    for count in (few, many):
        write_shards(tmp_path / str(count), count)
    peak_of_publishing(tmp_path / str(few), few)  # what is kept once, however many

    peaks = [peak_of_publishing(tmp_path / str(count), count) for count in (few, many)]

    assert len(PreparedDataset.open(tmp_path / str(many)).entries) == many
    assert (peaks[1] - peaks[0]) / (many - few) < MOST_BYTES_A_CLIP


def test_checking_a_shard_takes_no_more_than_a_few_of_its_clips(tmp_path: Path) -> None:
    clips, media, path = clips_found(16), hollow_media(500_000), tmp_path / "shards" / "a.h5"
    with ShardWriter(tmp_path / "spool", 13) as shard:
        for clip in clips:
            shard.spool.write(bytes(1_000_000))
            shard.add(record_of(clip, 0, "a" * 64, media), media)
        shard.write(path)
    facts = ShardFacts(path, sha256_of(path), path.stat().st_size, len(clips), tuple(clips.ids))

    tracemalloc.start()
    try:
        check = check_shard(facts, [0])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    (problem,) = check.problems
    assert problem.what.startswith("2 of 2 frames are broken")
    assert peak < 4_000_000 < path.stat().st_size
