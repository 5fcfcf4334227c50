"""Datasets from arrays are what `avme prep` writes."""

from pathlib import Path

import numpy as np
import pytest
from python_speech_features import mfcc

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.shards.jpeg import decode
from avme.shards.reader import ShardReader
from avme.stages.verify import verify
from tests.planted.prepared import ArrayClip, write_dataset

FPS = 10


@pytest.fixture(scope="module")
def clips() -> list[ArrayClip]:
    """One clip with audio, one of digital silence, one without a track."""
    draw = np.random.default_rng(0)
    samples = draw.integers(-9000, 9000, SAMPLE_RATE_HZ).astype(np.int16)
    tracks = (samples, np.zeros_like(samples), None)
    return [
        ArrayClip("One", number, 0, "train" if number else "test", _gradient(number), track)
        for number, track in enumerate(tracks)
    ]


def _gradient(number: int) -> np.ndarray:
    ramp = np.linspace(0, 200, 16).astype(np.uint8)
    return np.broadcast_to(ramp[:, None] + np.uint8(20 * number), (FPS, 16, 16, 3)).copy()


@pytest.fixture(scope="module")
def prepared(clips: list[ArrayClip], tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    return write_dataset(tmp_path_factory.mktemp("arrays") / "set", clips, FPS)


def test_write_dataset_is_intact(prepared: PreparedDataset) -> None:
    found = verify(prepared.folder, all_frames=True, seed=0, report=NullReporter())

    assert (found.problems, found.num_clips, found.num_pictures) == ((), 3, 3 * FPS)


def test_write_dataset_keeps_lists_groups_and_audio_states(prepared: PreparedDataset) -> None:
    assert [entry.id for entry in prepared.subset("1", "test")] == ["One/test-g00-c00.avi"]
    assert [entry.audio for entry in prepared.entries] == ["audible", "silent", "none"]
    assert len({entry.group for entry in prepared.entries}) == 3


def test_write_dataset_keeps_frames(clips: list[ArrayClip], prepared: PreparedDataset) -> None:
    entry = prepared.entries[1]
    reader = ShardReader(prepared.shard_path(entry))

    frames = decode(reader.frames(entry.row, range(FPS)), height=16, width=16)

    assert np.abs(frames.astype(int) - clips[1].frames).max() <= 4


def test_write_dataset_stores_the_mfcc_of_the_samples(
    clips: list[ArrayClip], prepared: PreparedDataset
) -> None:
    entry = prepared.entries[0]
    step = 1 / (4 * FPS)  # four rows a frame; the window is 0.625 of a frame

    rows, valid = ShardReader(prepared.shard_path(entry)).mfcc(entry.row, 0, 4 * FPS)

    samples = clips[0].samples
    assert samples is not None
    expected = mfcc(
        samples, SAMPLE_RATE_HZ, 0.0625, step, nfft=1024, winfunc=lambda count: np.ones(count)
    )
    assert valid.all()
    np.testing.assert_allclose(rows[:37], expected[:37], atol=1e-3)


def test_write_dataset_of_same_clips_has_same_shards(
    clips: list[ArrayClip], prepared: PreparedDataset, tmp_path: Path
) -> None:
    again = write_dataset(tmp_path / "again", clips[::-1], FPS)

    assert again.manifest["shards"] == prepared.manifest["shards"]
