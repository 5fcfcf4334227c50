"""The light decoder D_av (paper III-E, eq. 2): seen tokens and mask tokens to pixels.

T_m is one learned token at every hidden place. Read as the paper prints it, E_v(I_v) - E_v(I_v^S),
it would hand the decoder the picture that it is to predict.

Shape letters: b clips, k seen, m hidden, n = k + m tokens, d channels, p pixels of a tubelet.
"""

from dataclasses import dataclass
from typing import cast

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn

from avme.config import DecoderConfig
from avme.models.blocks import NORM_EPS, Block, initialise
from avme.models.masking import Grid, TokenChoice
from avme.models.positions import positions_on


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
        self.bridge = nn.Linear(inputs, config.dim, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(config.dim))
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.mlp_ratio) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.head = nn.Linear(config.dim, pixels)
        self.register_buffer("positions", positions_on(grid, config.dim, trained), persistent=False)
        self.blocks.apply(initialise)
        self.head.apply(initialise)
        nn.init.trunc_normal_(self.mask_token, std=0.02, a=-0.02, b=0.02)

    def forward(
        self, fused: Float[Tensor, "b k d"], choice: TokenChoice, *, with_seen: bool = False
    ) -> Reconstruction:
        """Seen tokens first, hidden ones after them; the blocks do not care about the order."""
        num_seen, num_hidden = choice.keep.shape[1], choice.hide.shape[1]
        masks = repeat(self.mask_token, "d -> b m d", b=len(fused), m=num_hidden)
        tokens = torch.cat(
            [
                self.bridge(fused) + self.positions[choice.keep],
                masks + self.positions[choice.hide],
            ],
            dim=1,
        )
        for block in self.blocks:
            tokens = block(tokens)
        hidden = self._predict(tokens[:, num_seen:])
        return Reconstruction(hidden, self._predict(tokens[:, :num_seen]) if with_seen else None)

    def _predict(self, tokens: Float[Tensor, "b q d"]) -> Float[Tensor, "b q p"]:
        return cast(Tensor, self.head(self.norm(tokens)))
