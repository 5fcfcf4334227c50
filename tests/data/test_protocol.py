"""Protocols: the clips that they select and what a batch of them contains."""

import pytest
import torch

from avme.batch import AVBatch
from avme.config import ClipConfig, CropConfig
from avme.config.train import AudioProtocol
from avme.data.dataset import TrainDataset, collate
from avme.data.donor_audio import DonorPool
from avme.data.protocol import (
    describe_protocol,
    donor_reader,
    require_audio,
    select_clips,
    training_audio,
    used_classes,
    view_audio,
)
from avme.data.sampler import SampleDraw
from avme.data.temporal_sampling import Window
from avme.data.transforms import PretrainTransform
from avme.errors import MismatchError
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.stages.training import mfcc_facts
from tests.data.half_audible import reader_of

VIEW = PretrainTransform(ClipConfig(num_frames=4, frame_stride=2, image_size=16), CropConfig())


@pytest.fixture(scope="module")
def listed(half_audible: PreparedDataset) -> tuple[ClipEntry, ...]:
    """Clips of class A, which have audio, and of class B, which have none."""
    return half_audible.subset("1", "train")


def batch_of(protocol: AudioProtocol, half_audible: PreparedDataset, epoch: int = 0) -> AVBatch:
    """Return one draw of every clip of class A at its start, and of class B."""
    reader = reader_of(half_audible)
    clips = TrainDataset(reader, VIEW, training_audio(protocol, reader))
    draws = [SampleDraw(index, 100 * epoch + index) for index in range(len(reader.entries))]
    return collate([clips[draw] for draw in draws])


def test_batch_of_all_has_audio_of_its_own_clips_only(half_audible: PreparedDataset) -> None:
    batch = batch_of("all", half_audible)

    assert not batch.has_audio[batch.label == 1].any()
    assert batch.has_audio[batch.label == 0].any()


def test_batch_of_donor_has_audio_in_every_clip_and_another_one_in_each_epoch(
    half_audible: PreparedDataset,
) -> None:
    batches = [batch_of("donor", half_audible, epoch) for epoch in range(4)]
    plain = batch_of("all", half_audible)

    assert all(batch.has_audio.all() for batch in batches)
    inside = batches[0].audio_valid & plain.audio_valid
    assert torch.equal(batches[0].mfcc[inside], plain.mfcc[inside])  # clips with audio keep theirs
    assert all(torch.equal(batches[0].video, plain.video) for _ in batches)
    first = [batch.mfcc[batch.label == 1] for batch in batches]
    assert not all(torch.equal(first[0], other) for other in first[1:])
    assert torch.equal(first[0], batch_of("donor", half_audible).mfcc[batches[0].label == 1])


@pytest.mark.parametrize("protocol", ["visual", "constant"])
def test_batch_without_audio_has_no_valid_row(
    protocol: AudioProtocol, half_audible: PreparedDataset
) -> None:
    batch, plain = batch_of(protocol, half_audible), batch_of("all", half_audible)

    assert not batch.audio_valid.any()
    assert not batch.mfcc.any()
    assert batch.mfcc.shape == plain.mfcc.shape
    assert torch.equal(batch.video, plain.video)


def test_views_in_evaluation_have_one_donor_of_the_train_list_per_clip(
    half_audible: PreparedDataset,
) -> None:
    scored = reader_of(half_audible, "test")
    donors = donor_reader("donor", half_audible, "1", mfcc_facts(half_audible, "1"))
    assert donors is not None
    assert [entry.class_name for entry in donors.entries] == ["A"] * 3
    (views,) = view_audio("donor", scored, donors)
    index = next(n for n, entry in enumerate(scored.entries) if not entry.has_audio)
    donor = DonorPool(donors.entries).choose(scored.entries[index], 0)

    for start in (0, 8):
        window = Window(start, 4, 2)
        for ours, theirs in zip(
            views.audio(index, window), donors.cyclic_audio(donor, window, 25), strict=True
        ):
            assert torch.equal(ours, theirs)
    assert view_audio("audio-only", scored, None) == ()
    assert donor_reader("constant", half_audible, "1", mfcc_facts(half_audible, "1")) is None


def test_audio_only_selects_clips_with_audio_and_their_classes(
    listed: tuple[ClipEntry, ...],
) -> None:
    chosen = select_clips("audio-only", listed, "the list")

    assert [entry.class_name for entry in chosen] == ["A"] * 3
    assert used_classes("audio-only", ("A", "B"), chosen) == ("A",)
    assert describe_protocol("audio-only", listed, chosen) == (
        "audio-only: 3 of 6 clips have usable audio; left out: 1 class without such clips (B)"
    )


@pytest.mark.parametrize("protocol", ["all", "donor", "visual", "constant"])
def test_other_protocols_select_every_clip(
    protocol: AudioProtocol, listed: tuple[ClipEntry, ...]
) -> None:
    assert select_clips(protocol, listed, "the list") == listed
    assert used_classes(protocol, ("A", "B"), listed) == ("A", "B")
    text = describe_protocol(protocol, listed, listed)
    assert text.startswith(f"{protocol}: ") == (protocol != "all")


def test_donor_is_described_with_its_counts(listed: tuple[ClipEntry, ...]) -> None:
    assert describe_protocol("donor", listed, listed) == (
        "donor: 3 of 6 clips have no usable audio and get that of a training clip of another group"
    )


def test_lists_without_audio_are_refused_in_one_line(listed: tuple[ClipEntry, ...]) -> None:
    silent = [entry for entry in listed if not entry.has_audio]

    with pytest.raises(MismatchError, match=r"no clip of x has usable audio \(got 0 of 3") as error:
        select_clips("audio-only", silent, "x")
    assert "\n" not in str(error.value)
    with pytest.raises(MismatchError, match="3 clips without usable audio"):
        require_audio("donor", silent, silent)
    require_audio("all", silent, silent)
    require_audio("donor", silent, listed)
