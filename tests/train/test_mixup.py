"""Mixup and cutmix blend pictures, sound and labels in the same proportion."""

import pytest
import torch
from einops import rearrange

from avme.batch import AVBatch
from avme.config import AugmentConfig
from avme.train.mixup import mix


def make_batch(clips: int = 4, seed: int = 0) -> AVBatch:
    level = torch.arange(clips, dtype=torch.uint8) * 60
    valid = torch.ones(clips, 8, dtype=torch.bool)
    return AVBatch(
        video=level[:, None, None, None, None].expand(clips, 3, 2, 16, 16).contiguous(),
        mfcc=level.float()[:, None, None].expand(clips, 8, 13).contiguous(),
        audio_valid=valid,
        label=torch.arange(clips),
        clip=torch.arange(clips),
        seed=torch.arange(clips) + 1000 * seed,
    )


def settings(mixup: float, cutmix: float) -> AugmentConfig:
    return AugmentConfig(mixup=mixup, cutmix=cutmix)


def test_mix_without_mixing_gives_one_hot_labels() -> None:
    batch = make_batch()

    mixed = mix(batch, 5, settings(0, 0))

    assert mixed.batch is batch
    assert torch.equal(mixed.target, torch.eye(5)[:4])


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0), (0.8, 1.0)])
def test_mix_uses_one_proportion_for_video_audio_and_labels(mixup: float, cutmix: float) -> None:
    for seed in range(10):
        mixed = mix(make_batch(seed=seed), 4, settings(mixup, cutmix))

        for clip, partner in enumerate([1, 0, 3, 2]):
            own = mixed.target[clip, clip].item()
            assert mixed.target[clip, partner].item() == pytest.approx(1 - own)
            level = 60 * clip * own + 60 * partner * (1 - own)
            assert mixed.batch.video[clip].float().mean().item() == pytest.approx(level, abs=0.6)
            assert mixed.batch.mfcc[clip].mean().item() == pytest.approx(level, abs=1e-3)


def test_mix_draws_mixup_or_cutmix_per_pair() -> None:
    mixed = mix(make_batch(clips=4, seed=1), 4, settings(0.8, 1.0)).batch.video

    blended = [bool(clip.unique().numel() == 1) for clip in mixed]
    assert blended in ([True, True, False, False], [False, False, True, True])


def test_mix_of_two_halves_equals_mix_of_the_batch() -> None:
    batch = make_batch()

    whole = mix(batch, 4, settings(0.8, 1.0))
    halves = [mix(batch.part(slice(i, i + 2)), 4, settings(0.8, 1.0)) for i in (0, 2)]

    assert torch.equal(whole.target, torch.cat([half.target for half in halves]))
    assert torch.equal(whole.batch.video, torch.cat([half.batch.video for half in halves]))
    assert torch.equal(whole.batch.mfcc, torch.cat([half.batch.mfcc for half in halves]))


def test_mix_of_odd_number_keeps_the_last_clip() -> None:
    batch = make_batch(clips=3)

    mixed = mix(batch, 3, settings(0.8, 0.0))

    assert torch.equal(mixed.batch.video[2], batch.video[2])
    torch.testing.assert_close(mixed.target[2], torch.eye(3)[2])


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0)])
def test_mix_of_pair_with_one_audio_keeps_it_with_the_probability_of_its_share(
    mixup: float, cutmix: float
) -> None:
    kept, shares = [], []
    for seed in range(100):
        batch = make_batch(40, seed)
        first, second = torch.arange(0, 40, 2), torch.arange(1, 40, 2)
        batch.audio_valid[first], batch.mfcc[first] = False, 0.0

        mixed = mix(batch, 40, settings(mixup, cutmix))

        has = mixed.batch.has_audio
        assert torch.equal(mixed.batch.mfcc[has], batch.mfcc[second])  # one of each pair, in order
        assert not mixed.batch.mfcc[~has].any()
        kept.append(has.double())
        shares.append(mixed.target[torch.arange(40), second.repeat_interleave(2)].double())
    has_audio, share = (
        rearrange(torch.cat(each), "(pair clip) -> pair clip", clip=2) for each in (kept, shares)
    )
    assert (has_audio.sum(dim=1) == 1).all()  # as many clips with audio as before
    # The mean of independent coins of these probabilities, within five deviations of it.
    for low, high in [(0.0, 0.25), (0.25, 0.75), (0.75, 1.01)]:
        chosen = (share >= low) & (share < high)
        deviation = (share * (1 - share))[chosen].sum().sqrt() / chosen.sum()
        assert abs(has_audio[chosen].mean() - share[chosen].mean()) < 5 * deviation


def test_rows_after_the_end_of_a_shorter_track_are_kept_or_dropped_together() -> None:
    lengths = set()
    for seed in range(20):
        batch = make_batch(2, seed)
        batch.audio_valid[0, 3:], batch.mfcc[0, 3:] = False, 0.0

        mixed = mix(batch, 2, settings(0.8, 0.0)).batch

        assert not mixed.mfcc[~mixed.audio_valid].any()
        rows = mixed.audio_valid.sum(dim=1).tolist()
        assert sorted(rows) == [3, 8]
        longer = rows.index(8)
        assert torch.equal(mixed.mfcc[longer, 3:], batch.mfcc[1, 3:])
        lengths.add(longer)
    assert lengths == {0, 1}
