"""Lightweight decoder D_av (paper III-E, eq. 2): visible and mask tokens to pixels.

T_m is one learned token at every predicted position. Read literally, the paper's E_v(I_v) -
E_v(I_v^S) would give the decoder the pixels that it has to predict.

Shape letters: b clips, k visible, m predicted, q either, d channels, p pixels of a tubelet.
"""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from avme.config import DecoderConfig
from avme.models.layers.blocks import NORM_EPS, Block, initialise
from avme.models.layers.onednn_linear import Linear
from avme.models.layers.pos_embed import Layout, positions_on
from avme.models.masking import Grid, TokenMask


@dataclass(frozen=True, slots=True)
class DecoderOutput:
    """Predictions of the decoder, in the order of the token choice."""

    hidden: Float[Tensor, "b m p"]
    seen: Float[Tensor, "b k p"] | None
    """None unless requested: used by the loss on all tokens and by figures."""


class Decoder(nn.Module):
    """Decoder: a few narrow blocks over the whole window."""

    positions: Tensor

    def __init__(
        self,
        config: DecoderConfig,
        inputs: int,
        pixels: int,
        grid: Grid,
        *,
        trained: Grid | None = None,
        layout: Layout = "flat",
    ) -> None:
        super().__init__()
        self.bridge = Linear(inputs, config.dim, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(config.dim))
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.mlp_ratio) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.head = Linear(config.dim, pixels)
        positions = positions_on(grid, config.dim, trained, layout=layout)
        self.register_buffer("positions", positions, persistent=False)
        self.blocks.apply(initialise)
        self.head.apply(initialise)
        nn.init.trunc_normal_(self.mask_token, std=0.02, a=-0.02, b=0.02)

    def forward(
        self, fused: Float[Tensor, "b k d"], choice: TokenMask, *, with_seen: bool = False
    ) -> DecoderOutput:
        """Predict pixels. Visible tokens come first, masked ones after them; order has no effect.

        The last block computes masked tokens only, and visible ones in a second call if `with_seen`
        is set, so that predictions of masked tokens are bit-identical in both cases.

        Args:
            fused: Visible tokens after the fusion.
            choice: Visible, masked and predicted tokens.
            with_seen: Also predict the visible tubelets.
        """
        num_seen = choice.keep.shape[1]
        seen = self.bridge(fused) + self.positions[choice.keep]
        tokens = torch.cat([seen, self.mask_token + self.positions[choice.predict]], dim=1)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        hidden = self._predict(tokens[:, num_seen:], tokens)
        return DecoderOutput(
            hidden, self._predict(tokens[:, :num_seen], tokens) if with_seen else None
        )

    def _predict(
        self, wanted: Float[Tensor, "b q d"], tokens: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b q p"]:
        return cast(Tensor, self.head(self.norm(self.blocks[-1](wanted, tokens))))
