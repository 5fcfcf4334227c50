"""Masked clips for tests of reconstructions."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from avme.models.masking import Grid, TubeMask
from avme.reconstruction.masked_clip import MaskedClip

GRID = Grid(slots=2, rows=4, columns=5)
TUBELET, PATCH = 2, 6


@pytest.fixture(scope="session")
def masked_clip() -> Callable[..., MaskedClip]:
    """Makes a clip of noise with a tube mask, or with the hidden tokens that are given."""

    def make(
        *, grid: Grid = GRID, ratio: float = 0.7, hide: Tensor | None = None, seed: int = 0
    ) -> MaskedClip:
        draw = torch.Generator().manual_seed(seed)
        tubelets = torch.rand(grid.tokens, TUBELET * PATCH**2 * 3, generator=draw)
        if hide is None:
            hide = TubeMask(grid, ratio)(torch.tensor([seed])).hide[0]
        keep = torch.tensor([n for n in range(grid.tokens) if n not in set(hide.tolist())])
        return MaskedClip(
            tubelets=tubelets,
            keep=keep,
            hide=hide,
            grid=grid,
            tubelet_size=TUBELET,
            patch_size=PATCH,
        )

    return make
