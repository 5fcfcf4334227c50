"""An embedded clip shows the frames and plays the samples of the shard."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from avme.report.clip_video import encode_clip
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.jpeg import decode
from avme.shards.reader import ShardReader

pytestmark = pytest.mark.slow


def encoded(prepared: PreparedDataset, entry: ClipEntry) -> bytes:
    reader = ShardReader(prepared.shard_path(entry))
    try:
        return encode_clip(reader, entry)
    finally:
        reader.close()


def test_encode_clip_keeps_frames_and_audio(finished: PreparedDataset) -> None:
    entry = next(entry for entry in finished.entries if entry.has_audio)

    video = encoded(finished, entry)

    with av.open(io.BytesIO(video), "r") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(io.BytesIO(video), "r") as container:
        sound = np.concatenate([f.to_ndarray().ravel() for f in container.decode(audio=0)])
    reader = ShardReader(finished.shard_path(entry))
    source = decode(reader.frames(entry.row, [0]), height=entry.height, width=entry.width)[0]
    samples, _ = reader.pcm(entry.row)
    reader.close()
    seconds = entry.num_frames / entry.fps
    assert len(frames) == max(1, round(seconds * 12.5))
    assert np.abs(frames[0].astype(float) - source).mean() < 25
    assert sound[: len(samples)].std() == pytest.approx((samples / 32768).std(), rel=0.3)


def test_encode_clip_without_audio_has_no_track(finished: PreparedDataset) -> None:
    entry = next(entry for entry in finished.entries if not entry.has_audio)

    video = encoded(finished, entry)

    with av.open(io.BytesIO(video), "r") as container:
        assert len(container.streams.audio) == 0
    assert encoded(finished, entry) == video  # equal bytes


def test_clip_video_is_a_file_of_a_few_kilobytes(finished: PreparedDataset, tmp_path: Path) -> None:
    assert all(len(encoded(finished, entry)) < 40_000 for entry in finished.entries)
