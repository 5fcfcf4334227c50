"""Reading a shard: right frames, one read, and handles that do not travel."""

import multiprocessing
import os
import pickle
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from avme.errors import ArtifactError, SystemRequirementError
from avme.media.decode import Recipe
from avme.media.ffmpeg.process import find_ffmpeg
from avme.prep.write_shard import LabeledClip, ShardTask, write_shard
from avme.shards.reader import ShardReader
from avme.sources.clip_table import SourceClip

MakeVideo = Callable[..., Path]


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory, make_video: MakeVideo) -> Path:
    """Row 0: 12 frames with sound; row 1: 5 frames without."""
    folder = tmp_path_factory.mktemp("shard")
    clips = [
        make_video(folder / "a.avi", frames=12),
        make_video(folder / "b.avi", frames=5, audio=None),
    ]
    labelled = tuple(
        LabeledClip(
            SourceClip(
                id=path.name,
                path=path,
                class_name="A",
                group="g01",
                subset=None,
                num_bytes=path.stat().st_size,
                mtime_ns=path.stat().st_mtime_ns,
            ),
            label=0,
        )
        for path in clips
    )
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0)
    write_shard(ShardTask("shard.h5", folder, folder / "work", labelled, recipe))
    return folder / "shard.h5"


def all_jpegs(shard: Path, row: int) -> list[bytes]:
    """An oracle that knows only the columns."""
    with h5py.File(shard, "r", locking=False) as file:
        first, end = file["clip_frame"][row : row + 2]
        offsets = file["frame_offset"][first : end + 1]
        return [file["jpeg"][begin:stop].tobytes() for begin, stop in pairwise(offsets)]


@pytest.mark.parametrize("indices", [[0], [11], [0, 4, 8], [3, 3, 3], [8, 1, 11], range(12)])
def test_frames_come_in_the_order_asked_for(shard: Path, indices: Sequence[int]) -> None:
    frames = ShardReader(shard).frames(0, indices)

    jpegs = all_jpegs(shard, 0)
    assert [frame.tobytes() for frame in frames] == [jpegs[i] for i in indices]
    assert all(jpeg.startswith(b"\xff\xd8\xff") for jpeg in jpegs)


def test_reader_gives_a_later_clip_its_own_frames(shard: Path) -> None:
    reader = ShardReader(shard)

    assert reader.num_frames(1) == 5
    assert reader.frames(1, [4])[0].tobytes() == all_jpegs(shard, 1)[4]
    assert np.allclose(reader.pts(1), np.arange(5) / 25)


def test_reader_reads_a_window_contiguously(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[Any] = []
    original = h5py.Dataset.__getitem__

    def watched(self: h5py.Dataset, key: Any, *args: Any, **kwargs: Any) -> NDArray[Any]:
        if self.name == "/jpeg":
            keys.append(key)
        value: NDArray[Any] = original(self, key, *args, **kwargs)
        return value

    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)

    ShardReader(shard).frames(0, [1, 5, 9])

    assert len(keys) == 1
    assert keys[0].step is None


@pytest.mark.parametrize(("row", "indices"), [(0, [12]), (0, [-1]), (1, [5]), (2, [0])])
def test_frames_outside_a_clip_are_refused(shard: Path, row: int, indices: list[int]) -> None:
    with pytest.raises(IndexError):
        ShardReader(shard).frames(row, indices)


def test_reader_rows_outside_the_clip_are_zero_and_invalid(shard: Path) -> None:
    rows, valid = ShardReader(shard).mfcc(0, -4, 60)

    assert rows.shape == (64, 13)
    assert not valid[:4].any()
    assert valid[4:52].all()
    assert not valid[52:].any()
    assert not rows[~valid].any()
    assert rows[valid].any(axis=1).all()


def test_reader_of_clip_without_audio_has_no_valid_row(shard: Path) -> None:
    rows, valid = ShardReader(shard).mfcc(1, 0, 20)

    assert not valid.any()
    assert not rows.any()


def test_pcm_of_clip_is_its_audio_in_the_columns(shard: Path) -> None:
    reader = ShardReader(shard)

    samples, start_seconds = reader.pcm(0)

    with h5py.File(shard, "r", locking=False) as file:
        assert file["clip_pcm"][()].tolist() == [0, len(samples), len(samples)]
        assert np.array_equal(file["pcm"][()], samples)
    assert samples.dtype == np.int16
    assert reader.num_samples(0) == len(samples) == pytest.approx(12 / 25 * 16_000, abs=2)
    assert start_seconds == pytest.approx(0.0, abs=1e-4)
    assert len(reader.pcm(1)[0]) == reader.num_samples(1) == 0
    with pytest.raises(IndexError):
        reader.pcm(2)


@pytest.mark.parametrize(
    ("name", "values"), [("pcm", [1, 2]), ("clip_pcm", [9, 0, 9]), ("pcm_start", [np.nan, 0.0])]
)
def test_pcm_of_inconsistent_columns_is_refused(
    name: str, values: list[float], shard: Path, tmp_path: Path
) -> None:
    path = tmp_path / "shard.h5"
    path.write_bytes(shard.read_bytes())
    with h5py.File(path, "r+") as file:
        kind = file[name].dtype
        del file[name]
        file[name] = np.array(values).astype(kind)

    with pytest.raises(ValueError, match="audio samples from"):
        ShardReader(path).pcm(0)


def test_last_seconds_and_mfcc_range_are_those_of_the_clip(shard: Path) -> None:
    reader = ShardReader(shard)

    assert [reader.last_seconds(row) for row in (0, 1)] == pytest.approx([0.04, 0.04])
    assert [reader.mfcc_range(row) for row in (0, 1)] == [(0, 48), (0, 0)]
    assert reader.num_cepstra == 13


def test_reader_when_pickled_opens_its_file_again(shard: Path) -> None:
    reader = ShardReader(shard)
    before = reader.frames(0, [2])[0].tobytes()

    copy = pickle.loads(pickle.dumps(reader))

    assert copy._file is None
    assert copy.frames(0, [2])[0].tobytes() == before


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.slow
def test_another_process_reads_the_same(shard: Path, method: str) -> None:
    reader = ShardReader(shard)
    before = reader.pts(0)

    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        there = pool.submit(reader.pts, 0).result(timeout=60)

    assert np.array_equal(there, before)


def test_reader_in_another_process_opens_its_file_again(
    shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = ShardReader(shard)
    reader.frames(0, [0])
    parents_handle = reader._file

    monkeypatch.setattr("avme.shards.reader.os.getpid", lambda: -5)

    assert reader.frames(0, [0])[0].tobytes() == all_jpegs(shard, 0)[0]
    assert reader._file is not parents_handle


def test_reader_of_damaged_shard_names_it(tmp_path: Path) -> None:
    path = tmp_path / "shard-00007.h5"
    path.write_bytes(b"nonsense")

    with pytest.raises(ArtifactError, match=r"shard-00007\.h5"):
        len(ShardReader(path))


@pytest.mark.parametrize("left", ["nothing", "half", "no text", "a group"])
def test_reader_of_shard_with_damaged_records_names_it(
    shard: Path, tmp_path: Path, left: str
) -> None:
    path = tmp_path / "shard-00007.h5"
    path.write_bytes(shard.read_bytes())
    with h5py.File(path, "r+") as file:
        records = file.pop("records")[()]
        if left == "a group":
            file.create_group("records")
        elif left != "nothing":
            file["records"] = records[: len(records) // 2] if left == "half" else records | 0x80

    with pytest.raises(ArtifactError, match=r"shard-00007\.h5 cannot be read as a shard"):
        ShardReader(path).records()


def test_reader_of_shard_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard.h5"
    with h5py.File(path, "w") as file:
        file.attrs["schema"] = 99

    with pytest.raises(ArtifactError, match=r"shard\.h5: .* \(got schema 99, expected 4\)"):
        len(ShardReader(path))


def test_too_many_open_files_do_not_condemn_the_shard(shard: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        with suppress(OSError):  # until no more is given
            while True:
                taken.append(os.dup(0))

        with pytest.raises(SystemRequirementError, match="ulimit -n"):
            ShardReader(shard).frames(0, [0])
    finally:
        for handle in taken:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
