"""Sources of a clip's own audio and frames."""

import torch

from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.data.view_sources import SameFrames, ShardAudio
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts


def test_shard_audio_is_that_of_the_clip_at_the_index(finished: PreparedDataset) -> None:
    entries, window = finished.subset("1", "train"), Window(1, 4, 2)
    reader = ClipReader(finished, entries, mfcc_facts(finished, "1"))
    source = ShardAudio(reader)

    for index, entry in enumerate(entries):
        mfcc, valid = source.audio(index, window)
        expected = reader.audio(entry, window)
        assert torch.equal(mfcc, expected[0])
        assert torch.equal(valid, expected[1])


def test_same_frames_are_unchanged() -> None:
    frames, source = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8), SameFrames()

    assert source.change_clip(0, frames) is frames
    assert source.change_view(0, Window(0, 3, 1), frames) is frames
