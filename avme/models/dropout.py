"""Dropping at random that does not depend on how many ranks share a batch.

Every rank draws for the clips of all ranks, from a generator in the same state, and uses its own
rows: the loop seeds torch alike on every rank.

Shape letters: b clips of this rank.
"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn


class Dropout(nn.Module):
    """Zeros single numbers and scales the others up (Srivastava et al. 2014)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Float[Tensor, "b *rest"]) -> Float[Tensor, "b *rest"]:
        """Same shape in and out; in evaluation nothing is dropped."""
        return self._drop(values, values.shape[1:])

    def _drop(self, values: Tensor, size: tuple[int, ...]) -> Tensor:
        if not self.training or self.rate == 0.0:
            return values
        kept = own_chances(len(values), size, values.device) >= self.rate
        return values * kept.to(values.dtype) / (1.0 - self.rate)


class DropPath(Dropout):
    """Zeros whole clips, for a branch beside which there is a way around (Huang et al. 2016)."""

    def forward(self, values: Float[Tensor, "b *rest"]) -> Float[Tensor, "b *rest"]:
        """Same shape in and out; in evaluation nothing is dropped."""
        return self._drop(values, (1,) * (values.ndim - 1))


def own_chances(
    clips: int, size: tuple[int, ...], device: torch.device
) -> Float[Tensor, "b *size"]:
    """Numbers from 0 to 1 for this rank's clips, of which all ranks have equally many."""
    rank, world = 0, 1
    if dist.is_available() and dist.is_initialized():
        rank, world = dist.get_rank(), dist.get_world_size()
    drawn = torch.rand(world * clips, *size, device=device)
    return drawn[rank * clips : (rank + 1) * clips]
