"""Batch normalization over the global batch, for CPUs and for ranks without clips.

torch's SyncBatchNorm refuses CPU tensors; this one works with gloo and NCCL. A batch of zero clips
is allowed: it takes part in the collective calls and adds nothing to the statistics. Padding on the
last axis can be excluded from the statistics.

Shape letters: b clips, c channels, *places height and width of a feature map, or nothing, w the
last of these.
"""

import math
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn


class GlobalBatchNorm(nn.Module):
    """Batch normalization of every channel over clips, positions and ranks."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.is_frozen = False
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(
        self, maps: Float[Tensor, "b c *places"], valid: Bool[Tensor, "b w"] | None = None
    ) -> Float[Tensor, "b c *places"]:
        """Normalize with the statistics of the global batch in training, else the running ones.

        `valid` marks the positions of the last axis that enter the statistics (None: all).
        Positions that are not valid are normalized too; the caller overwrites them.
        """
        learns = self.training and not self.is_frozen
        alone = not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1
        if not learns or (alone and len(maps) and valid is None):
            return F.batch_norm(
                maps,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                learns,
                self.momentum,
                self.eps,
            )
        return self._over_ranks(maps, alone, valid)

    def _over_ranks(self, maps: Tensor, alone: bool, valid: Tensor | None = None) -> Tensor:
        wide = maps.float()
        over = [axis for axis in range(maps.ndim) if axis != 1]
        if valid is None:
            counted, count = wide, wide.new_tensor([maps.numel() // maps.shape[1]])
        else:
            padding = ~valid.view(len(valid), *(1 for _ in maps.shape[1:-1]), -1)
            counted = wide.masked_fill(padding, 0.0)
            count = valid.sum(dtype=torch.float32)[None] * math.prod(maps.shape[2:-1])
        sums = torch.cat([counted.sum(over), counted.square().sum(over), count])
        if not alone:
            sums = _SumOverRanks.apply(sums)
        total = sums[-1].clamp(min=1.0)
        mean, square = (sums[:-1] / total).chunk(2)
        variance = (square - mean.square()).clamp(min=0.0)
        self._remember(mean.detach(), variance.detach(), sums[-1].detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        channelwise = (-1, *(1 for _ in maps.shape[2:]))
        return (wide * scale.view(channelwise) + shift.view(channelwise)).to(maps.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        unbiased = variance * count / (count - 1).clamp(min=1.0)
        step = torch.where(count > 0, self.momentum, 0.0)
        self.running_mean.lerp_(mean, step)
        self.running_var.lerp_(unbiased, step)


def freeze_statistics(model: nn.Module) -> None:
    """Freeze the statistics of all norms in `model`; weights and biases still learn."""
    for module in model.modules():
        if isinstance(module, GlobalBatchNorm):
            module.is_frozen = True


class _SumOverRanks(torch.autograd.Function):
    """Sum over ranks; its gradient is the sum of the ranks' gradients."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
