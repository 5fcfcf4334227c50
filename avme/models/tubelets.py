"""Pictures to tubelets and back: the pixels of one token, in one order everywhere.

Inside a tubelet the order is frame, row, column, colour, the colour fastest: embedding, target and
prediction all use it. Values are pixels from 0 to 1.

Shape letters: b clips, c colours, t frames, h and w pixels, n tokens, k some of them, p = tubelet x
patch x patch x colours.
"""

from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor, nn

from avme.models.masking import Grid
from avme.models.onednn_linear import Linear

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def to_tubelets(
    video: UInt8[Tensor, "b c t h w"], tubelet: int, patch: int
) -> Float32[Tensor, "b n p"]:
    """Cuts pictures into tokens, ordered by time slot, row and column."""
    return as_floats(cut_tubelets(video, tubelet, patch))


def cut_tubelets(
    video: UInt8[Tensor, "b c t h w"], tubelet: int, patch: int
) -> UInt8[Tensor, "b n p"]:
    """The same, as bytes: whoever needs a few of the tokens makes floats of those alone."""
    return rearrange(
        video,
        "b c (t u) (h p) (w q) -> b (t h w) (u p q c)",
        u=tubelet,
        p=patch,
        q=patch,
    )


def take_tubelets(
    tubelets: UInt8[Tensor, "b n p"], index: Int64[Tensor, "b k"]
) -> Float32[Tensor, "b k p"]:
    """Those at `index`, in that order, 0 to 1."""
    clips, tokens, _ = tubelets.shape
    first = tokens * torch.arange(clips, device=index.device)
    rows = rearrange(index + first[:, None], "b k -> (b k)")
    taken = rearrange(tubelets, "b n p -> (b n) p").index_select(0, rows)
    return rearrange(as_floats(taken), "(b k) p -> b k p", b=clips)


def as_floats(pixels: UInt8[Tensor, "*any"]) -> Float32[Tensor, "*any"]:
    """Bytes to 0 to 1."""
    return pixels / 255.0


def to_pixels(
    tubelets: Float[Tensor, "b n p"], grid: Grid, tubelet: int, patch: int
) -> Float[Tensor, "b c t h w"]:
    """The inverse of `to_tubelets`, without the return to bytes."""
    return rearrange(
        tubelets,
        "b (t h w) (u p q c) -> b c (t u) (h p) (w q)",
        t=grid.slots,
        h=grid.rows,
        w=grid.columns,
        u=tubelet,
        p=patch,
        q=patch,
    )


class TubeletEmbedding(nn.Module):
    """VideoMAE's Conv3d with kernel = stride, written as a linear layer over tubelets, so that only
    the tokens that are kept need to be computed (docs/decisions.md)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, tubelet: int, patch: int, dim: int) -> None:
        super().__init__()
        pixels = tubelet * patch * patch
        self.linear = Linear(3 * pixels, dim)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).repeat(pixels), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(IMAGENET_DEVIATION).repeat(pixels), persistent=False
        )

    def forward(self, tubelets: Float[Tensor, "b n p"]) -> Float[Tensor, "b n d"]:
        """Normalises pixels as ImageNet does and embeds them."""
        return cast(Tensor, self.linear((tubelets - self.mean) / self.deviation))
