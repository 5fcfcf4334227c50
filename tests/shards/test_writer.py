"""A shard is one file of contiguous columns, the same bytes for the same clips."""

import resource
from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pytest

from avme.media.container.probe import MediaInfo
from avme.media.decode import DecodedClip
from avme.shards.record import ClipRecord, from_lines
from avme.shards.writer import ShardWriter

INFO = MediaInfo(
    stream=0,
    codec="mpeg4",
    width=8,
    height=6,
    fps=Fraction(25),
    time_base=Fraction(1, 25),
    num_frames_from_header=3,
    start_seconds=0.0,
    audio=None,
)


def media(jpegs: list[bytes], *, has_audio: bool = False) -> DecodedClip:
    num_rows = 4 * len(jpegs) if has_audio else 0
    return DecodedClip(
        info=INFO,
        width=8,
        height=6,
        fps=Fraction(25),
        jpeg_bytes=np.array([len(jpeg) for jpeg in jpegs], dtype=np.int64),
        pts=np.arange(len(jpegs)) / 25,
        audio="audible" if has_audio else "none",
        loudness=None,
        audio_start_seconds=None,
        audio_seconds=0.0,
        mfcc=np.arange(num_rows * 13, dtype=np.float32).reshape(num_rows, 13),
        audio_rows=(1, num_rows - 1) if has_audio else (0, 0),
        ffmpeg_log="",
        pcm=np.arange(-5, 5, dtype=np.int16) if has_audio else np.zeros(0, dtype=np.int16),
        pcm_start_seconds=-0.25 if has_audio else 0.0,
    )


def record(clip_id: str, frames: int, reason: str = "") -> ClipRecord:
    return ClipRecord(clip_id, "Class", 0, "g01", 1, frames=frames, fps_num=25, reason=reason)


def write(path: Path, spool: Path) -> Path:
    with ShardWriter(spool, num_cepstra=13) as shard:
        shard.spool.write(b"abcde")
        shard.add(record("a", 2), media([b"abc", b"de"], has_audio=True))
        shard.spool.write(b"half a clip")
        shard.add_bad(record("ü bad", 0, reason="unreadable"))
        shard.spool.write(b"f")
        shard.add(record("c", 1), media([b"f"]))
        shard.write(path)
    return path


def test_write_columns_are_contiguous_and_add_up(tmp_path: Path) -> None:
    path = write(tmp_path / "shard.h5", tmp_path / "spool")

    with h5py.File(path, "r") as file:
        assert all(file[name].chunks is None for name in file)
        assert file["jpeg"][()].tobytes() == b"abcdef"
        assert file["frame_offset"][()].tolist() == [0, 3, 5, 6]
        assert file["clip_frame"][()].tolist() == [0, 2, 3]
        assert file["clip_mfcc"][()].tolist() == [0, 8, 8]
        assert file["id"][()].tolist() == [b"a", b"c"]
        assert file["pcm"][()].tolist() == list(range(-5, 5))
        assert file["clip_pcm"][()].tolist() == [0, 10, 10]
        assert file["pcm_start"][()].tolist() == [-0.25, 0.0]
        assert file["last_seconds"][()].tolist() == [1 / 25, 1 / 25]
        assert file["mfcc_sum"][0].tolist() == file["mfcc"][1:7].sum(axis=0).tolist()


def test_write_columns_repeat_what_records_say(tmp_path: Path) -> None:
    path = write(tmp_path / "shard.h5", tmp_path / "spool")

    with h5py.File(path, "r") as file:
        good = [one for one in from_lines(file["records"][()].tobytes()) if not one.reason]
        for name in ("label", "width", "height", "fps_num", "fps_den"):
            assert file[name][()].tolist() == [getattr(one, name) for one in good]
        for name, attribute in (("class", "class_name"), ("group", "group"), ("id", "id")):
            assert file[name][()].astype(str).tolist() == [getattr(one, attribute) for one in good]
        assert file["has_audio"][()].tolist() == [one.usable_audio for one in good]
        assert np.diff(file["clip_frame"][()]).tolist() == [one.frames for one in good]
        assert np.isfinite(file["mfcc"][()]).all()


def test_write_same_clips_gives_same_bytes(tmp_path: Path) -> None:
    one = write(tmp_path / "one.h5", tmp_path / "spool one")
    two = write(tmp_path / "elsewhere" / "two.h5", tmp_path / "spool two")

    assert one.read_bytes() == two.read_bytes()


def test_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    write(tmp_path / "shard.h5", tmp_path / "spool")

    assert [path.name for path in tmp_path.iterdir()] == ["shard.h5"]


def test_write_without_room_raises_oserror_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of whatever part finds no room, no error remains for the end of an object of HDF5."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ShardWriter(tmp_path / "spool", num_cepstra=13) as shard:
        shard.spool.write(b"abc")
        shard.add(record("a", 1), media([b"abc"], has_audio=True))
        shard.spool.flush()
        shard.write(tmp_path / "whole.h5")
        size = (tmp_path / "whole.h5").stat().st_size
        try:
            for limit in range(100, size, size // 30):
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
                with pytest.raises(OSError, match=r"File too large|errno = 27"):
                    shard.write(tmp_path / "shard.h5")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        shard.write(tmp_path / "shard.h5")

    assert [path.name for path in sorted(tmp_path.iterdir())] == ["shard.h5", "whole.h5"]
    assert capfd.readouterr().err == ""


def test_writer_closed_without_write_leaves_nothing(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "spool", num_cepstra=13) as shard:
        shard.spool.write(b"abc")

    assert list(tmp_path.iterdir()) == []


def test_write_of_quarantined_clips_only_stores_reasons(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "spool", num_cepstra=13) as shard:
        shard.add_bad(record("a", 0, reason="empty"))
        shard.write(tmp_path / "shard.h5")

    with h5py.File(tmp_path / "shard.h5", "r") as file:
        (bad,) = from_lines(file["records"][()].tobytes())
        assert len(file["label"]) == 0
    assert bad.reason == "empty"
