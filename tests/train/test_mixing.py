"""Mixup and cutmix blend pictures, sound and labels in the same proportion."""

import numpy as np
import pytest
import torch

from avme.batch import AVBatch
from avme.config import AugmentConfig
from avme.train.mixing import mix


def make_batch(clips: int = 4) -> AVBatch:
    level = torch.arange(clips, dtype=torch.uint8) * 60
    valid = torch.ones(clips, 8, dtype=torch.bool)
    return AVBatch(
        video=level[:, None, None, None, None].expand(clips, 3, 2, 16, 16).contiguous(),
        mfcc=level.float()[:, None, None].expand(clips, 8, 13).contiguous(),
        audio_valid=valid,
        label=torch.arange(clips),
        clip=torch.arange(clips),
        seed=torch.zeros(clips, dtype=torch.int64),
    )


def settings(mixup: float, cutmix: float) -> AugmentConfig:
    return AugmentConfig(mixup=mixup, cutmix=cutmix)


def test_without_mixing_labels_are_one_hot() -> None:
    batch = make_batch()

    mixed = mix(batch, 5, settings(0, 0), np.random.default_rng(0))

    assert mixed.batch is batch
    assert torch.equal(mixed.target, torch.eye(5)[:4])


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0)])
def test_pictures_sound_and_labels_share_one_proportion(mixup: float, cutmix: float) -> None:
    for seed in range(10):
        mixed = mix(make_batch(), 4, settings(mixup, cutmix), np.random.default_rng(seed))

        own = mixed.target[0, 0].item()
        assert mixed.target[0, 3].item() == pytest.approx(1 - own)
        # clip 0 is all zeros and its partner all 180: the mean tells the partner's share
        assert mixed.batch.video[0].float().mean().item() == pytest.approx(180 * (1 - own), abs=0.6)
        assert mixed.batch.mfcc[0].mean().item() == pytest.approx(180 * (1 - own), abs=1e-3)


def test_a_silent_clip_takes_its_partners_sound_as_it_is() -> None:
    batch = make_batch()
    batch.audio_valid[0] = False
    batch.mfcc[0] = 0.0

    mixed = mix(batch, 4, settings(0.8, 0.0), np.random.default_rng(0)).batch

    assert mixed.audio_valid[0].all()
    assert torch.equal(mixed.mfcc[0], batch.mfcc[3])
    assert torch.equal(mixed.mfcc[3], batch.mfcc[3])
