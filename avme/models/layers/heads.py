"""Heads of a classifier: norm, dropout and a linear layer on a pooled token, in float32.

Shape letters: b clips, d channels, l classes.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from avme.models.layers.blocks import NORM_EPS
from avme.models.layers.dropout import Dropout
from avme.models.layers.sync_batchnorm import GlobalBatchNorm

PooledNorm = Literal["layer", "batch"]


class PooledHead(nn.Module):
    """Head of one modality: norm, dropout and a linear layer on the pooled token."""

    def __init__(self, width: int, num_classes: int, dropout: float, norm: PooledNorm) -> None:
        super().__init__()
        self.norm = pooled_norm(width, norm)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(width, num_classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b l"]:
        """Return logits in float32, independent of autocast."""
        with full_precision(pooled.device.type):
            return cast(Tensor, self.head(self.dropout(self.norm(pooled))))


def product_of(
    video: Float[Tensor, "b l"],
    audio: Float[Tensor, "b l"],
    has_audio: Bool[Tensor, " b"] | None = None,
) -> Float[Tensor, "b l"]:
    """Multiply the probabilities of two heads; a clip without audio has those of its video.

    Args:
        video: Logits of video.
        audio: Logits of audio.
        has_audio: True for clips with audio; None if all have it.

    Returns:
        Logarithm of the product, not normalized.
    """
    heard = audio.log_softmax(dim=-1)
    if has_audio is not None:
        heard = heard * has_audio[:, None]
    return video.log_softmax(dim=-1) + heard


def pooled_norm(width: int, norm: PooledNorm) -> nn.LayerNorm | GlobalBatchNorm:
    """Return the norm of a pooled token."""
    return nn.LayerNorm(width, eps=NORM_EPS) if norm == "layer" else GlobalBatchNorm(width)


def full_precision(device_type: str) -> AbstractContextManager[Any]:
    """Disable autocast. "meta" tensors, used to count operations, have none to disable."""
    if not torch.amp.is_autocast_available(device_type):
        return nullcontext()
    return torch.autocast(device_type, enabled=False)
