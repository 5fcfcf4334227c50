"""The light decoder D_av (paper III-E, eq. 2): seen tokens and mask tokens to pixels.

T_m is one learned token at every place that is to be predicted. Read as the paper prints it,
E_v(I_v) - E_v(I_v^S), it would hand the decoder the picture that it is to predict.

Shape letters: b clips, k seen, m to be predicted, q either, d channels, p pixels of a tubelet.
"""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from avme.config import DecoderConfig
from avme.models.blocks import NORM_EPS, Block, initialise
from avme.models.masking import Grid, TokenChoice
from avme.models.onednn_linear import Linear
from avme.models.pos_embed import positions_on


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What the decoder predicts, in the order of the choice's index tensors."""

    hidden: Float[Tensor, "b m p"]
    seen: Float[Tensor, "b k p"] | None
    """Only where asked for: the loss on all tokens and the pictures need it."""


class Decoder(nn.Module):
    """A few narrow blocks over the whole window."""

    positions: Tensor

    def __init__(
        self,
        config: DecoderConfig,
        inputs: int,
        pixels: int,
        grid: Grid,
        *,
        trained: Grid | None = None,
    ) -> None:
        super().__init__()
        self.bridge = Linear(inputs, config.dim, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(config.dim))
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.mlp_ratio) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.head = Linear(config.dim, pixels)
        self.register_buffer("positions", positions_on(grid, config.dim, trained), persistent=False)
        self.blocks.apply(initialise)
        self.head.apply(initialise)
        nn.init.trunc_normal_(self.mask_token, std=0.02, a=-0.02, b=0.02)

    def forward(
        self, fused: Float[Tensor, "b k d"], choice: TokenChoice, *, with_seen: bool = False
    ) -> Reconstruction:
        """Seen tokens first, hidden ones after them; the blocks do not care about the order.

        The last block asks for hidden tokens only, and once more for the seen ones `with_seen`, so
        that the prediction of the hidden ones is the same to the last bit with it and without.
        """
        num_seen = choice.keep.shape[1]
        seen = self.bridge(fused) + self.positions[choice.keep]
        tokens = torch.cat([seen, self.mask_token + self.positions[choice.predict]], dim=1)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        hidden = self._predict(tokens[:, num_seen:], tokens)
        return Reconstruction(
            hidden, self._predict(tokens[:, :num_seen], tokens) if with_seen else None
        )

    def _predict(
        self, wanted: Float[Tensor, "b q d"], tokens: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b q p"]:
        return cast(Tensor, self.head(self.norm(self.blocks[-1](wanted, tokens))))
