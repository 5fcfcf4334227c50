"""Fixed position embeddings: one sine-cosine table over the flattened token index.

VideoMAE's table is one-dimensional over 0..n-1 (time, then row, then column), not separable; it is
computed and never stored, so that published weights fit. For the same reason another grid gets
interpolated positions, not a table of its own.

Shape letters: n tokens, d channels, t slots, h rows, w columns.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from avme.models.masking import Grid


def sine_cosine_table(num_tokens: int, dim: int) -> Float[Tensor, "n d"]:
    """Return the sine-cosine table of Vaswani et al. 2017, section 3.5 (sines on even channels)."""
    device = torch.get_default_device()
    with torch.device("cpu"):  # on "meta" this would import torch's compiler, 3 s of a core
        channel = torch.arange(dim)
        wavelength = 10000.0 ** (2 * (channel // 2).double() / dim)
        angle = torch.arange(num_tokens, dtype=torch.float64)[:, None] / wavelength[None, :]
        table = torch.where(channel % 2 == 0, angle.sin(), angle.cos()).float()
    return table.to(device)


def positions_on(grid: Grid, dim: int, trained: Grid | None = None) -> Float[Tensor, "n d"]:
    """Return the position embeddings of `grid`, interpolated from those of `trained`, if given.

    Interpolation is along time, row and column, not along the flattened index.

    Args:
        grid: Token grid of the model.
        dim: Width.
        trained: Token grid of the pretrained weights.
    """
    if trained is None or trained == grid:
        return sine_cosine_table(grid.tokens, dim)
    table = rearrange(
        sine_cosine_table(trained.tokens, dim),
        "(t h w) d -> 1 d t h w",
        t=trained.slots,
        h=trained.rows,
        w=trained.columns,
    )
    size = (grid.slots, grid.rows, grid.columns)
    stretched = F.interpolate(table, size, mode="trilinear", align_corners=False)
    return rearrange(stretched, "1 d t h w -> (t h w) d")
