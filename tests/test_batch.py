"""A batch refuses tensors that do not belong together."""

import pytest
import torch
from jaxtyping import TypeCheckError

from avme.batch import AVBatch


def make_batch(clips: int = 2, labels: int = 2) -> AVBatch:
    return AVBatch(
        video=torch.zeros(clips, 3, 4, 8, 8, dtype=torch.uint8),
        mfcc=torch.zeros(clips, 16, 13),
        audio_valid=torch.zeros(clips, 16, dtype=torch.bool),
        label=torch.arange(labels),
        clip=torch.arange(clips),
        seed=torch.arange(clips),
    )


def test_length_is_the_number_of_clips() -> None:
    assert len(make_batch(clips=3, labels=3)) == 3


def test_batch_requires_a_label_per_clip() -> None:
    with pytest.raises(TypeCheckError):
        make_batch(clips=2, labels=3)


def test_has_audio_with_one_valid_row_is_true() -> None:
    batch = make_batch()
    batch.audio_valid[1, 5] = True

    assert batch.has_audio.tolist() == [False, True]


def test_part_takes_the_same_rows_of_every_field() -> None:
    part = make_batch(clips=4, labels=4).part(slice(1, 3))

    assert len(part) == 2
    assert part.label.tolist() == part.clip.tolist() == part.seed.tolist() == [1, 2]


def test_to_device_moves_model_inputs_and_keeps_host_tensors() -> None:
    moved = make_batch().to(torch.device("meta"))

    assert {moved.video.device.type, moved.mfcc.device.type, moved.label.device.type} == {"meta"}
    assert {moved.seed.device.type, moved.clip.device.type} == {"cpu"}  # read by the host alone
