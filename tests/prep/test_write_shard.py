"""Task of a prep worker: one shard, whatever happens to a file."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from avme.errors import MediaError
from avme.media.decode import Recipe
from avme.media.ffmpeg.process import ffmpeg_version, find_ffmpeg
from avme.prep.write_shard import LabeledClip, ShardTask, hash_unchanged, write_shard
from avme.shards.reader import ShardReader
from avme.shards.record import ClipRecord
from avme.sources.folder import find_videos

MakeVideo = Callable[..., Path]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, make_video: MakeVideo) -> Path:
    return make_video(tmp_path_factory.mktemp("one") / "one.avi", frames=3)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def packed(source: Path, work: Path) -> ClipRecord:
    """The record of the only video below `source`, prepared in this process."""
    (clip,) = find_videos(source, "folder", [])
    return packed_clip(LabeledClip(clip, 0), work)


def packed_clip(clip: LabeledClip, work: Path) -> ClipRecord:
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 20.0)
    write_shard(ShardTask("s.h5", work, work / "work", (clip,), recipe))
    reader = ShardReader(work / "s.h5")
    (record,) = reader.records()
    reader.close()
    return record


def test_pack_with_fifo_in_place_of_video_quarantines_it(tmp_path: Path, one: Path) -> None:
    (tmp_path / "videos" / "a").mkdir(parents=True)
    path = Path(shutil.copy(one, tmp_path / "videos" / "a" / "clip.avi"))
    (clip,) = find_videos(tmp_path / "videos", "folder", [])
    path.unlink()
    os.mkfifo(path)

    record = packed_clip(LabeledClip(clip, 0), tmp_path)

    assert record.reason == "changed"


def test_pack_with_unreadable_file_quarantines_it(open_folder: Path, one: Path) -> None:
    (open_folder / "videos" / "a").mkdir(parents=True)
    path = Path(shutil.copy(one, open_folder / "videos" / "a" / "clip.avi"))
    path.chmod(0)
    (open_folder / "out").mkdir()
    (open_folder / "out").chmod(0o777)
    is_root = os.geteuid() == 0

    if is_root:  # who may read everything
        os.seteuid(65_534)
    try:
        record = packed(open_folder / "videos", open_folder / "out")
    finally:
        if is_root:
            os.seteuid(0)

    assert record.reason == "unreadable"
    assert "Permission denied" in record.message


@pytest.mark.slow
def test_pack_with_huge_sparse_file_stops_at_the_time_limit(tmp_path: Path, one: Path) -> None:
    (tmp_path / "videos" / "a").mkdir(parents=True)
    path = Path(shutil.copy(one, tmp_path / "videos" / "a" / "clip.avi"))
    os.truncate(path, 2**43)
    (clip,) = find_videos(tmp_path / "videos", "folder", [])
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 1.0)

    task = ShardTask("s.h5", tmp_path, tmp_path / "work", (LabeledClip(clip, 0),), recipe)
    done = write_shard(task)

    assert (done.clips, done.bad) == (0, 1)


@pytest.fixture
def task(tmp_path: Path, one: Path) -> ShardTask:
    """A shard of two good clips and a damaged one."""
    for name in ("a/1.avi", "a/2.avi", "b/3.avi"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one, tmp_path / "videos" / name)
    (tmp_path / "videos/a/2.avi").write_bytes(b"no video")
    clips = (LabeledClip(clip, 7) for clip in find_videos(tmp_path / "videos", "folder", []))
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 20.0)
    return ShardTask("s.h5", tmp_path / "out", tmp_path / "work", tuple(clips), recipe)


def records_of(task: ShardTask) -> tuple[ClipRecord, ...]:
    reader = ShardReader(task.folder / task.name)
    found = reader.records()
    reader.close()
    return found


def test_pack_reports_the_facts_of_the_file_and_leaves_no_other(task: ShardTask) -> None:
    task.folder.mkdir()

    done = write_shard(task)

    (path,) = task.folder.iterdir()
    assert (done.name, done.clips, done.bad) == (path.name, 2, 1)
    assert done.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (done.num_bytes, done.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert done.ffmpeg == ffmpeg_version(find_ffmpeg())
    assert list(task.work.iterdir()) == []
    records = records_of(task)
    assert [record.reason for record in records] == ["", "unreadable", ""]
    assert {record.label for record in records} == {7}


def test_pack_again_gives_the_same_bytes(task: ShardTask) -> None:
    task.folder.mkdir()

    assert write_shard(task).sha256 == write_shard(task).sha256


def test_pack_with_given_up_clip_quarantines_it_without_reading(task: ShardTask) -> None:
    task.folder.mkdir()
    (first, *_) = task.clips
    first.clip.path.unlink()

    write_shard(replace(task, skip_ids=(first.clip.id,)))

    record = records_of(task)[0]
    assert (record.reason, record.source_sha256) == ("crashed", None)


def test_hash_unchanged_of_changed_or_missing_file_is_refused(task: ShardTask) -> None:
    clip = task.clips[0].clip
    content = clip.path.read_bytes()

    assert hash_unchanged(clip, 60.0) == hashlib.sha256(content).hexdigest()
    clip.path.write_bytes(content + b"more")
    with pytest.raises(MediaError, match="changed while it was prepared") as changed:
        hash_unchanged(clip, 60.0)
    clip.path.unlink()
    with pytest.raises(MediaError, match="is no longer a file") as missing:
        hash_unchanged(clip, 60.0)
    assert changed.value.reason == missing.value.reason == "changed"
