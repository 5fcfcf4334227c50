"""Fixed position embeddings: a sine-cosine table over the token index or over its three axes.

VideoMAE's table is one-dimensional over 0..n-1 (time, then row, then column), not separable; it is
computed and never stored, so that published weights fit. For the same reason another grid gets
interpolated positions, not a table of its own. In it two neighbors in a column are as far apart as
a whole row: attention to neighbors takes long to learn. The separable table has channels for slot,
row and column each.

Shape letters: n tokens, d channels, t slots, h rows, w columns.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor

from avme.models.masking import Grid

Layout = Literal["flat", "separable"]


def sine_cosine_table(num_tokens: int, dim: int) -> Float[Tensor, "n d"]:
    """Return the sine-cosine table of Vaswani et al. 2017, section 3.5 (sines on even channels)."""
    device = torch.get_default_device()
    with torch.device("cpu"):  # on "meta" this would import torch's compiler, 3 s of a core
        channel = torch.arange(dim)
        wavelength = 10000.0 ** (2 * (channel // 2).double() / dim)
        angle = torch.arange(num_tokens, dtype=torch.float64)[:, None] / wavelength[None, :]
        table = torch.where(channel % 2 == 0, angle.sin(), angle.cos()).float()
    return table.to(device)


def separable_table(grid: Grid, dim: int) -> Float[Tensor, "n d"]:
    """Return sines and cosines of slot, row and column in channels of their own.

    A quarter of the pairs of channels is for the slot, the rest for row and column. Wavelengths of
    an axis are geometric, from two tokens to four times its length, so that neighbors differ and no
    position repeats. An odd last channel is zero.
    """
    sizes = (grid.slots, grid.rows, grid.columns)
    pairs = dim // 2
    slot, row = pairs // 4, (pairs - pairs // 4) // 2
    device = torch.get_default_device()
    with torch.device("cpu"):
        axes = torch.meshgrid(*(torch.arange(size) for size in sizes), indexing="ij")
        waves = [
            _waves(axis.flatten(), count, size)
            for axis, count, size in zip(axes, (slot, row, pairs - slot - row), sizes, strict=True)
        ]
        table = torch.cat([*waves, torch.zeros(grid.tokens, dim % 2)], dim=1)
    return table.to(device)


def _waves(position: Int64[Tensor, " n"], count: int, size: int) -> Float[Tensor, "n d"]:
    share = torch.arange(count, dtype=torch.float64) / max(count - 1, 1)
    angle = position[:, None] * (math.pi * (2.0 * size) ** -share)
    return torch.cat([angle.sin(), angle.cos()], dim=1).float()


def positions_on(
    grid: Grid, dim: int, trained: Grid | None = None, *, layout: Layout = "flat"
) -> Float[Tensor, "n d"]:
    """Return the position embeddings of `grid`, interpolated from those of `trained`, if given.

    Interpolation is along time, row and column, not along the flattened index.

    Args:
        grid: Token grid of the model.
        dim: Width.
        trained: Token grid of the pretrained weights.
        layout: Table over the token index, or over slot, row and column.
    """
    if trained is None or trained == grid:
        return _table(grid, dim, layout)
    table = rearrange(
        _table(trained, dim, layout),
        "(t h w) d -> 1 d t h w",
        t=trained.slots,
        h=trained.rows,
        w=trained.columns,
    )
    size = (grid.slots, grid.rows, grid.columns)
    stretched = F.interpolate(table, size, mode="trilinear", align_corners=False)
    return rearrange(stretched, "1 d t h w -> (t h w) d")


def _table(grid: Grid, dim: int, layout: Layout) -> Float[Tensor, "n d"]:
    return sine_cosine_table(grid.tokens, dim) if layout == "flat" else separable_table(grid, dim)
