"""Mixup and cutmix that treat video and audio as one clip.

If both clips of a pair have audio, it is blended in the same proportion as the labels. If only one
has, the mixed clip gets that audio with the probability of its share, and none otherwise:
normalized MFCC have no level, so that the model would receive the audio at full strength for any
share.

Neighbors in a batch are mixed with each other, each pair by the seed of its first clip: the number
of ranks that share the batch has no effect, as long as no rank boundary splits a pair.

Shape letters: b clips, c colors, t frames, h and w pixels, s MFCC rows, f coefficients, l classes.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from avme.batch import AVBatch
from avme.config import AugmentConfig


@dataclass(frozen=True, slots=True)
class MixedBatch:
    """Mixed batch with soft labels."""

    batch: AVBatch
    target: Float[Tensor, "b l"]


def mix(batch: AVBatch, num_classes: int, augment: AugmentConfig) -> MixedBatch:
    """Blend each clip with its neighbor (mixup), or paste a rectangle of it (cutmix).

    With both enabled each pair chooses at random. The last of an odd number of clips is unchanged.
    Without either, labels become one-hot.

    Args:
        batch: Clips.
        num_classes: Number of classes.
        augment: Settings.
    """
    target = F.one_hot(batch.label, num_classes).float()
    if len(batch) < 2 or not (augment.mixup or augment.cutmix):
        return MixedBatch(batch, target)
    height, width = batch.video.shape[-2:]
    pairs = [_draw(seed, augment, height, width) for seed in batch.seed[::2].tolist()]
    blends = [pairs[clip // 2] for clip in range(len(batch))]
    neighbour = torch.tensor([min(clip ^ 1, len(batch) - 1) for clip in range(len(batch))])
    other = batch.part(neighbour)
    own = torch.tensor([blend.own for blend in blends]).to(batch.label.device)
    keeps = torch.tensor([blend.keeps for blend in blends])[:, None]
    mfcc, valid = _mix_audio(batch, other, own[:, None, None], keeps)
    target = own[:, None] * target + (1.0 - own[:, None]) * target[neighbour]
    video = _mix_frames(batch.video, other.video, own, blends)
    return MixedBatch(replace(batch, video=video, mfcc=mfcc, audio_valid=valid), target)


@dataclass(frozen=True, slots=True)
class _Blend:
    own: float
    """Remaining share of a clip."""
    inside: Bool[np.ndarray, "h w"] | None
    """Mask of the pasted rectangle; None for blending."""
    keeps: bool
    """True if the clip's own audio is used where only one clip of a pair has any.

    Drawn with the probability `own`, so that exactly one clip of a pair has the audio.
    """


def _draw(seed: int, augment: AugmentConfig, height: int, width: int) -> _Blend:
    generator = np.random.default_rng(seed)
    choices = [(name, a) for name, a in (("mixup", augment.mixup), ("cutmix", augment.cutmix)) if a]
    name, alpha = choices[int(generator.integers(len(choices)))]
    own = float(generator.beta(alpha, alpha))
    if name == "mixup":
        return _Blend(own, None, float(generator.random()) < own)
    side = (1.0 - own) ** 0.5
    row, column = int(generator.integers(height)), int(generator.integers(width))
    half_height, half_width = int(height * side / 2), int(width * side / 2)
    inside = np.zeros((height, width), dtype=bool)
    inside[
        max(row - half_height, 0) : row + half_height,
        max(column - half_width, 0) : column + half_width,
    ] = True
    own = 1.0 - float(inside.mean())
    return _Blend(own, inside, float(generator.random()) < own)


def _mix_frames(video: Tensor, other: Tensor, own: Tensor, blends: list[_Blend]) -> Tensor:
    if any(blend.inside is None for blend in blends):
        whole = torch.tensor([blend.inside is None for blend in blends]).to(own.device)
        share = torch.where(whole, own, 1.0)[:, None, None, None, None]
        mixed = torch.lerp(other.float(), video.float(), share).round().to(torch.uint8)
    else:
        mixed = video
    if all(blend.inside is None for blend in blends):
        return mixed
    nowhere = np.zeros(video.shape[-2:], dtype=bool)
    inside = np.stack([nowhere if blend.inside is None else blend.inside for blend in blends])
    return torch.where(torch.from_numpy(inside).to(own.device)[:, None, None], other, mixed)


def _mix_audio(batch: AVBatch, other: AVBatch, own: Tensor, keeps: Tensor) -> tuple[Tensor, Tensor]:
    """Blend rows that are valid in both clips; other rows come from one clip, by `keeps`."""
    both, kept = (
        rows[..., None].to(batch.mfcc.device, non_blocking=True)
        for rows in (batch.audio_valid & other.audio_valid, keeps.expand_as(batch.audio_valid))
    )
    blend = own * batch.mfcc + (1.0 - own) * other.mfcc
    chosen = torch.where(kept, batch.mfcc, other.mfcc)
    return (
        torch.where(both, blend, chosen),
        torch.where(keeps, batch.audio_valid, other.audio_valid),
    )
