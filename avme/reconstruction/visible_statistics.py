"""Mean and deviation of hidden patches, estimated from the visible ones alone.

A model with the normalized target predicts a hidden patch up to its mean and deviation. VideoMAE's
figures take both from the original, which a user of a masked video does not have. Here they are
interpolated from visible patches of the same time slot, weighted by the inverse square of the
distance between the centers (D. Shepard, "A two-dimensional interpolation function for
irregularly-spaced data", ACM National Conference 1968). A slot without visible patches takes those
of all slots, a slot counting as far as a patch.

Shape letters: m hidden, k visible tokens; p pixels of a tubelet, c colors.
"""

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor

from avme.models.masking import Grid
from avme.models.reconstruction_loss import PatchStatistics, patch_statistics
from avme.reconstruction.masked_clip import MaskedClip


def visible_statistics(clip: MaskedClip) -> PatchStatistics:
    """Return the estimated mean and deviation of each hidden token and color."""
    own = patch_statistics(clip.seen[None])
    weights = _weights(clip)

    def interpolated(values: Float[Tensor, "1 k 1 c"]) -> Float[Tensor, "1 m 1 c"]:
        return rearrange(weights @ values[0, :, 0], "m c -> 1 m 1 c")

    return PatchStatistics(interpolated(own.mean), interpolated(own.deviation))


def squared_distances(
    grid: Grid, first: Int64[Tensor, " m"], second: Int64[Tensor, " k"]
) -> Float[Tensor, "m k"]:
    """Return squared distances between tokens, in patches and, over time, in slots.

    Args:
        grid: Token grid.
        first: Tokens of the rows.
        second: Tokens of the columns.
    """
    apart = _places(grid, first)[:, None] - _places(grid, second)[None]
    return apart.square().sum(dim=-1)


def _weights(clip: MaskedClip) -> Float[Tensor, "m k"]:
    """Return the weight of each visible token for each hidden one; rows sum to 1."""
    inverse = 1.0 / squared_distances(clip.grid, clip.hide, clip.keep)
    slot = clip.hide[:, None] // clip.grid.indices == clip.keep[None] // clip.grid.indices
    weights = torch.where(slot.any(dim=1, keepdim=True), inverse * slot, inverse)
    return weights / weights.sum(dim=1, keepdim=True)


def _places(grid: Grid, tokens: Int64[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    slot, index = tokens // grid.indices, tokens % grid.indices
    return torch.stack([slot, index // grid.columns, index % grid.columns], dim=1).float()
