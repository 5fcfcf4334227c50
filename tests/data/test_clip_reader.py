"""Windows hold the pictures and the sound of the same moment."""

import math
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from avme.data.clip_reader import ClipReader, ShardAudio
from avme.data.crop import Box, crop_resize
from avme.data.temporal_sampling import Window
from avme.errors import ArtifactError
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts

GREY = np.array([0.299, 0.587, 0.114])


def test_clip_reader_frames_equal_those_of_a_decoder(
    prepared: PreparedDataset, reader: ClipReader
) -> None:
    source = Path(prepared.manifest["source"]) if "source" in prepared.manifest else None
    entry = reader.entries[0]
    path = (source or prepared.folder.parent.parent / "in") / entry.id
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]

    pictures = reader.pictures(entry, Window(start=10, num_frames=4, stride=2))

    for shown, index in zip(pictures, (10, 12, 14, 16), strict=True):
        # grey, since decoders differ in how they bring the halved colours back to full size
        grey = np.tensordot(GREY, shown.numpy().astype(float), axes=(0, 0))
        error = np.mean((grey - frames[index] @ GREY) ** 2)
        assert 10 * np.log10(255**2 / error) > 30
        assert error < 0.5 * np.mean((grey - frames[index + 25] @ GREY) ** 2)


def test_crop_box_is_cut_out_of_the_whole_frames(reader: ClipReader) -> None:
    entry, window = reader.entries[1], Window(start=2, num_frames=4, stride=2)

    first, second = reader.read_crops(entry, window, [Box(1, 2, 30, 30), Box(16, 32, 32, 32)], 30)

    whole = reader.pictures(entry, window)
    assert torch.equal(first, whole[..., 1:31, 2:32])
    assert torch.equal(whole[1], whole[3])  # five frames: the last one is shown again
    assert second.shape == (4, 3, 30, 30)


def test_large_crop_box_at_half_decoding_shows_the_same(reader: ClipReader) -> None:
    entry, window = reader.entries[0], Window(start=10, num_frames=4, stride=2)

    (small,) = reader.read_crops(entry, window, [Box(4, 8, 40, 40)], 20)

    whole = reader.pictures(entry, window)
    here, beside = (crop_resize(whole, Box(4, left, 40, 40), 20).double() for left in (8, 10))
    assert not torch.equal(small.double(), here)
    # the test picture is all edges, on which one filter differs from another
    assert (small - here).abs().mean() < 0.5 * (small - beside).abs().mean()


def test_audio_of_a_window_with_a_beep_is_loudest_at_its_time(reader: ClipReader) -> None:
    entry = reader.entries[0]

    with_beep, valid = reader.audio(entry, Window(start=21, num_frames=4, stride=2))
    before, _ = reader.audio(entry, Window(start=12, num_frames=4, stride=2))

    loudness = with_beep[:, 0]
    # frame 25 is at 1.0 s: 4 frames, or 16 rows, after the window's start
    assert valid.all()
    assert int((loudness > loudness.mean()).nonzero()[0]) in (14, 15, 16)
    assert before[:, 0].max() < loudness.max() - 1


def test_audio_rows_beyond_the_clip_are_zero(reader: ClipReader) -> None:
    entry = reader.entries[0]

    mfcc, valid = reader.audio(entry, Window(start=46, num_frames=4, stride=2))

    assert valid.tolist() == [True] * 16 + [False] * 16
    assert not mfcc[16:].any()
    assert not reader.audio(reader.entries[1], Window(0, 4, 2))[1].any()


def test_mfcc_of_stored_waveform_equals_audio_in_every_window(reader: ClipReader) -> None:
    entry = reader.entries[0]
    found = reader.waveform(entry)
    assert found is not None

    for start in (-3, 0, 1, 17, 21, 44, 60):
        window = Window(start, num_frames=4, stride=2)
        mfcc, valid = reader.mfcc_of(entry, window, *found)
        stored, stored_valid = reader.audio(entry, window)
        assert torch.equal(mfcc, stored)
        assert torch.equal(valid, stored_valid)


def test_mfcc_of_louder_waveform_changes_the_energy_alone(
    prepared: PreparedDataset, reader: ClipReader
) -> None:
    entry, window = reader.entries[0], Window(0, num_frames=4, stride=2)
    samples, start_seconds = reader.waveform(entry) or (np.zeros(0, np.int16), 0.0)

    before, _ = reader.audio(entry, window)
    louder, valid = reader.mfcc_of(entry, window, 4 * samples[:8000], start_seconds)

    deviation = torch.tensor(mfcc_facts(prepared, "1")["deviation"])
    gain = (louder - before) * deviation
    assert valid.all()
    torch.testing.assert_close(gain[:, 0], torch.full((32,), math.log(16)), atol=1e-3, rtol=0)
    torch.testing.assert_close(gain[:, 1:], torch.zeros(32, 12), atol=1e-3, rtol=0)


def test_waveform_without_stored_audio_is_none(reader: ClipReader) -> None:
    assert reader.waveform(reader.entries[1]) is None


def test_audio_is_normalized_by_the_train_list(
    prepared: PreparedDataset, reader: ClipReader
) -> None:
    rows, valid = reader.audio(reader.entries[0], Window(start=0, num_frames=25, stride=2))

    assert valid.all()
    torch.testing.assert_close(rows.mean(dim=0), torch.zeros(13), atol=2e-3, rtol=0)
    torch.testing.assert_close(rows.std(dim=0), torch.ones(13), atol=2e-2, rtol=0)


def test_shards_are_closed_where_too_many_are_open(
    reader: ClipReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = [(entry, Window(0, 4, 1)) for entry in reader.entries] * 2
    expected = [reader.pictures(*window) for window in windows]
    assert len({entry.shard for entry in reader.entries}) == 2

    monkeypatch.setattr("avme.data.clip_reader.MOST_OPEN", 1)
    for window, pictures in zip(windows, expected, strict=True):
        assert torch.equal(reader.pictures(*window), pictures)
        assert sum(shard.is_open for shard in reader._shards.values()) == 1


def test_clip_reader_of_damaged_frame_names_clip_and_shard(
    prepared: PreparedDataset, reader: ClipReader, tmp_path: Path
) -> None:
    entry = reader.entries[0]
    damaged = tmp_path / entry.shard
    damaged.write_bytes(prepared.shard_path(entry).read_bytes().replace(b"\xff\xd8\xff", b"\0\0\0"))
    reader._shards[entry.shard].path = damaged

    with pytest.raises(ArtifactError, match=rf"clip {entry.id} cannot be read from .*avme prep"):
        reader.pictures(entry, Window(0, 4, 2))


@pytest.mark.parametrize("column", ["jpeg", "mfcc"])
def test_clip_reader_of_shard_broken_after_opening_names_the_clip(
    prepared: PreparedDataset, reader: ClipReader, tmp_path: Path, column: str
) -> None:
    entry = reader.entries[0]
    damaged = tmp_path / entry.shard
    damaged.write_bytes(prepared.shard_path(entry).read_bytes())
    shard = reader._shards[entry.shard]
    shard.path = damaged
    shard.records()
    for name in ("clip_frame", "frame_offset", "clip_mfcc", "mfcc_begin", "mfcc_end"):
        shard._column(name)
    damaged.write_bytes(bytes(damaged.stat().st_size))

    with pytest.raises(ArtifactError, match=f"clip {entry.id} cannot be read from .*avme prep"):
        reader.pictures(entry, Window(0, 4, 2)) if column == "jpeg" else reader.audio(
            entry, Window(0, 4, 2)
        )


def test_shard_audio_is_that_of_the_clip_at_the_index(finished: PreparedDataset) -> None:
    entries, window = finished.subset("1", "train"), Window(1, 4, 2)
    reader = ClipReader(finished, entries, mfcc_facts(finished, "1"))
    source = ShardAudio(reader)

    for index, entry in enumerate(entries):
        mfcc, valid = source.audio(index, window)
        expected = reader.audio(entry, window)
        assert torch.equal(mfcc, expected[0])
        assert torch.equal(valid, expected[1])
