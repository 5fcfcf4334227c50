"""Clips of a dataset as a model receives them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.data.temporal_sampling import spread_windows
from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.clip_inputs import ClipSource, DatasetClips
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

Make = Callable[..., Autoencoder]


@pytest.fixture
def clips(finished: PreparedDataset) -> DatasetClips:
    return DatasetClips(finished.folder, finished, finished.subset("1", "test"), "1")


def test_read_gives_the_center_view_of_an_evaluation(
    clips: DatasetClips, finished: PreparedDataset, make_autoencoder: Make
) -> None:
    model = make_autoencoder()
    reader = ClipReader(finished, clips.entries, model.mfcc)
    expected = EvalDataset(reader, model.settings.clip, 1, 1)

    for index, entry in enumerate(clips.entries):
        found = clips.read(index, model)

        assert found.name == entry.id
        assert entry.class_name in found.detail
        assert torch.equal(found.video, expected[index].video[0])
        assert torch.equal(found.audio["real"][0], expected[index].mfcc[0])
        assert not found.audio["null"][1].any()
        assert found.seconds_per_frame == pytest.approx(2 / float(entry.fps))
    assert clips.title == "set, split 1, test list"


def test_read_shuffles_the_audio_of_clips_that_have_some(
    clips: DatasetClips, make_autoencoder: Make
) -> None:
    model = make_autoencoder()

    for index, entry in enumerate(clips.entries):
        audio = clips.read(index, model).audio

        (real, heard), (other, shuffled) = audio["real"], audio["shuffled"]
        assert torch.equal(heard, shuffled)
        assert torch.equal(real, other) == (not entry.has_audio)


def test_track_has_the_samples_of_the_window(
    clips: DatasetClips, finished: PreparedDataset, make_autoencoder: Make
) -> None:
    model = make_autoencoder()
    reader = ClipReader(finished, clips.entries, model.mfcc)
    for index, entry in enumerate(clips.entries):
        stored, found = reader.waveform(entry), clips.read(index, model).track
        if stored is None:
            assert found is None
            continue
        assert found is not None
        samples, first_seconds = stored
        (window,) = spread_windows(entry.num_frames, model.settings.clip, 1)
        assert len(found.samples) == round(window.end / entry.fps * 16_000) - round(
            window.start / entry.fps * 16_000
        )
        begin = round((window.start / float(entry.fps) - first_seconds) * 16_000)
        inside = found.samples[max(-begin, 0) :][: len(samples) - max(begin, 0)]
        assert np.array_equal(inside, samples[max(begin, 0) :][: len(inside)])


def test_batch_has_one_clip_with_the_version_of_the_audio(
    make_autoencoder: Make, noise_clips: Callable[..., ClipSource]
) -> None:
    found = noise_clips().read(0, make_autoencoder())

    batch = found.batch("null")

    assert len(batch) == 1
    assert torch.equal(batch.video[0], found.video)
    assert not batch.has_audio.any()
