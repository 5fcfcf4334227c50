"""Video encoder E_v (paper III-B): visible tubelets to tokens T_v.

It receives visible tubelets only, so that masked pixels cannot leak.

Shape letters: b clips, k tokens given, p pixels of a tubelet, d channels.
"""

from typing import cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from avme.config import VisualConfig
from avme.models.layers.blocks import NORM_EPS, Block, initialise
from avme.models.layers.pos_embed import positions_on
from avme.models.masking import Grid
from avme.models.tubelets import build_embedding


class VisualEncoder(nn.Module):
    """Vision transformer over tubelets with fixed positions and no class token."""

    positions: Tensor

    def __init__(
        self,
        config: VisualConfig,
        grid: Grid,
        *,
        trained: Grid | None = None,
        drop_path: float = 0.0,
        final_norm: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = build_embedding(config)
        rates = torch.linspace(0.0, drop_path, config.depth, device="cpu").tolist()  # meta has none
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.mlp_ratio, rate) for rate in rates
        )
        self.norm = (
            nn.LayerNorm(config.dim, eps=NORM_EPS)
            if final_norm and config.final_norm
            else nn.Identity()
        )
        positions = positions_on(grid, config.dim, trained, layout=config.positions)
        self.register_buffer("positions", positions, persistent=False)
        self.blocks.apply(initialise)

    def forward(
        self, tubelets: Float[Tensor, "b k p"], index: Int64[Tensor, "b k"] | None = None
    ) -> Float[Tensor, "b k d"]:
        """Encode the tubelets at positions `index` of the window; None means all, in order."""
        positions = self.positions if index is None else self.positions[index]
        tokens = self.embedding(tubelets) + positions
        for block in self.blocks:
            tokens = block(tokens)
        return cast(Tensor, self.norm(tokens))
