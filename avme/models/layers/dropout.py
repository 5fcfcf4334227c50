"""Dropout that is independent of the number of ranks that share a batch.

Every rank draws for the clips of all ranks, from a generator in the same state, and uses its own
rows: the trainer seeds torch alike on every rank.

Shape letters: b clips of this rank.
"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn


class Dropout(nn.Module):
    """Dropout: zeros single values and scales up the others (Srivastava et al. 2014)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Float[Tensor, "b *rest"]) -> Float[Tensor, "b *rest"]:
        """Drop values in training; the identity in evaluation. Same shape in and out."""
        return self._drop(values, values.shape[1:])

    def _drop(self, values: Tensor, size: tuple[int, ...]) -> Tensor:
        if not self.training or self.rate == 0.0:
            return values
        kept = own_chances(len(values), size, values.device) >= self.rate
        return values * kept.to(values.dtype) / (1.0 - self.rate)


class DropPath(Dropout):
    """Stochastic depth: zeros a residual branch for whole clips (Huang et al. 2016)."""

    def forward(self, values: Float[Tensor, "b *rest"]) -> Float[Tensor, "b *rest"]:
        """Drop clips in training; the identity in evaluation. Same shape in and out."""
        return self._drop(values, (1,) * (values.ndim - 1))


def own_chances(
    clips: int, size: tuple[int, ...], device: torch.device
) -> Float[Tensor, "b *size"]:
    """Return uniform random numbers for this rank's clips; all ranks have equally many.

    Args:
        clips: Number of clips of this rank.
        size: Shape of the numbers of one clip.
        device: Device of the result.
    """
    rank, world = 0, 1
    if dist.is_available() and dist.is_initialized():
        rank, world = dist.get_rank(), dist.get_world_size()
    drawn = torch.rand(world * clips, *size, device=device)
    return drawn[rank * clips : (rank + 1) * clips]
