"""Mixup and cutmix that treat sound and picture as one clip.

Shape letters: b clips, c colours, t frames, h and w pixels, s MFCC rows, f coefficients, l classes.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from avme.batch import AVBatch
from avme.config import AugmentConfig


@dataclass(frozen=True, slots=True)
class Mixed:
    """A batch and the share that each class has in each of its clips."""

    batch: AVBatch
    target: Float[Tensor, "b l"]


def mix(
    batch: AVBatch, num_classes: int, augment: AugmentConfig, generator: np.random.Generator
) -> Mixed:
    """Each clip is blended with the one that mirrors it in the batch (mixup), or gets a rectangle
    of it (cutmix); with both switched on a coin decides. Without either, labels become one-hot."""
    target = F.one_hot(batch.label, num_classes).float()
    choices = [(name, a) for name, a in (("mixup", augment.mixup), ("cutmix", augment.cutmix)) if a]
    if not choices or len(batch) < 2:
        return Mixed(batch, target)
    name, alpha = choices[int(generator.integers(len(choices)))]
    own = float(generator.beta(alpha, alpha))
    other = batch.mirrored()
    if name == "mixup":
        video = torch.lerp(other.video.float(), batch.video.float(), own).round().to(torch.uint8)
    else:
        video, own = _paste(batch.video, other.video, own, generator)
    mfcc, valid = _mix_sound(batch, other, own)
    target = own * target + (1.0 - own) * target.flip(0)
    return Mixed(replace(batch, video=video, mfcc=mfcc, audio_valid=valid), target)


def _paste(
    video: Tensor, other: Tensor, own: float, generator: np.random.Generator
) -> tuple[Tensor, float]:
    """A rectangle of the other clip in all frames; returns the share that is really left."""
    height, width = video.shape[-2:]
    side = (1.0 - own) ** 0.5
    row, column = int(generator.integers(height)), int(generator.integers(width))
    half_height, half_width = int(height * side / 2), int(width * side / 2)
    top, bottom = max(row - half_height, 0), min(row + half_height, height)
    left, right = max(column - half_width, 0), min(column + half_width, width)
    pasted = video.clone()
    pasted[..., top:bottom, left:right] = other[..., top:bottom, left:right]
    return pasted, 1.0 - (bottom - top) * (right - left) / (height * width)


def _mix_sound(batch: AVBatch, other: AVBatch, own: float) -> tuple[Tensor, Tensor]:
    """Blended where both sound; where only one does, that one is heard alone."""
    blend = own * batch.mfcc + (1.0 - own) * other.mfcc
    mine, theirs = (
        valid[..., None].to(batch.mfcc.device, non_blocking=True)
        for valid in (batch.audio_valid, other.audio_valid)
    )
    alone = torch.where(mine, batch.mfcc, other.mfcc)
    return torch.where(mine & theirs, blend, alone), batch.audio_valid | other.audio_valid
