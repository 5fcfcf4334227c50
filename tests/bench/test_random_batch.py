"""Random batch: layout of a loaded batch, and the same values for the same arguments."""

import torch

from avme.bench.random_batch import random_batch
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import preset
from avme.config.resolve import resolve

CPU = torch.device("cpu")
TINY = resolve(PretrainConfig, preset=preset("pretrain", "tiny"))


def test_random_batch_has_the_shapes_of_the_settings() -> None:
    window = TINY.clip

    batch = random_batch(TINY, 3, CPU)

    assert batch.video.shape == (3, 3, window.num_frames, window.image_size, window.image_size)
    assert batch.video.dtype == torch.uint8
    assert not batch.video.is_contiguous()  # colors last in memory, as JPEG frames are decoded
    assert batch.mfcc.shape == (3, window.span_rows, TINY.model.audio.num_cepstra)
    assert batch.audio_valid.all()
    assert batch.label.tolist() == [0, 0, 0]


def test_random_batch_of_several_classes_gives_them_in_turn() -> None:
    settings = FinetuneConfig(model=TINY.model, clip=TINY.clip)

    assert random_batch(settings, 5, CPU, num_classes=3).label.tolist() == [0, 1, 2, 0, 1]


def test_random_batch_is_the_same_for_any_state_of_the_global_generator() -> None:
    torch.manual_seed(1)
    first = random_batch(TINY, 2, CPU)
    torch.manual_seed(2)
    second = random_batch(TINY, 2, CPU)

    assert torch.equal(first.video, second.video)
    assert torch.equal(first.mfcc, second.mfcc)
