"""Video to tubelets and back: the pixels of one token, in one order everywhere.

Inside a tubelet the order is frame, row, column, color, the color fastest: embedding, target and
prediction all use it. Values are pixels from 0 to 1.

Shape letters: b clips, c colors, t frames, h and w pixels, n tokens, k some of them, p = tubelet x
patch x patch x colors, d channels of a token.
"""

import math
from itertools import chain
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor, nn

from avme.config import VisualConfig
from avme.models.layers.onednn_linear import Linear
from avme.models.layers.sync_batchnorm import GlobalBatchNorm
from avme.models.masking import Grid

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def to_tubelets(
    video: UInt8[Tensor, "b c t h w"], tubelet: int, patch: int
) -> Float32[Tensor, "b n p"]:
    """Cut video into tubelets of floats, ordered by time slot, row and column.

    Args:
        video: Frames, 0 to 255.
        tubelet: Frames per token.
        patch: Side of a patch in pixels.
    """
    return as_floats(cut_tubelets(video, tubelet, patch))


def cut_tubelets(
    video: UInt8[Tensor, "b c t h w"], tubelet: int, patch: int
) -> UInt8[Tensor, "b n p"]:
    """Cut video into tubelets of bytes, so that only the selected ones become floats.

    Args:
        video: Frames, 0 to 255.
        tubelet: Frames per token.
        patch: Side of a patch in pixels.
    """
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
    """Return the tubelets at `index`, in that order, as floats from 0 to 1."""
    clips, tokens, _ = tubelets.shape
    first = tokens * torch.arange(clips, device=index.device)
    rows = rearrange(index + first[:, None], "b k -> (b k)")
    taken = rearrange(tubelets, "b n p -> (b n) p").index_select(0, rows)
    return rearrange(as_floats(taken), "(b k) p -> b k p", b=clips)


def as_floats(pixels: UInt8[Tensor, "*any"]) -> Float32[Tensor, "*any"]:
    """Convert bytes to floats from 0 to 1."""
    return pixels / 255.0


def to_pixels(
    tubelets: Float[Tensor, "b n p"], grid: Grid, tubelet: int, patch: int
) -> Float[Tensor, "b c t h w"]:
    """Invert `to_tubelets`, keeping floats.

    Args:
        tubelets: Pixels, 0 to 1.
        grid: Token grid of the window.
        tubelet: Frames per token.
        patch: Side of a patch in pixels.
    """
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
    """Tubelet embedding: VideoMAE's Conv3d with kernel = stride as a linear layer.

    Only visible tubelets need to be computed (docs/decisions.md).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, tubelet: int, patch: int, dim: int) -> None:
        super().__init__()
        pixels = tubelet * patch * patch
        self.linear = Linear(3 * pixels, dim)
        for name, values in (("mean", IMAGENET_MEAN), ("deviation", IMAGENET_DEVIATION)):
            # Repeated as a list: on "meta", `repeat` would import torch's compiler.
            self.register_buffer(name, torch.tensor(pixels * list(values)), persistent=False)

    def forward(self, tubelets: Float[Tensor, "b n p"]) -> Float[Tensor, "b n d"]:
        """Normalize pixels with ImageNet's statistics and embed them."""
        return cast(Tensor, self.linear((tubelets - self.mean) / self.deviation))


class ConvTubeletEmbedding(TubeletEmbedding):
    """Tubelet embedding with three convolutions of a tubelet's own pixels before the linear layer.

    Frames of a tubelet are channels. Convolutions pad with zeros at the border of the tubelet, so
    that no pixel of another one arrives; batch normalization has the statistics of the given
    tubelets alone.
    """

    def __init__(self, tubelet: int, patch: int, dim: int) -> None:
        super().__init__(tubelet, patch, dim)
        width = max(dim // 8, 8)
        self.tubelet, self.patch = tubelet, patch
        strides = (1, *(2 if patch % factor == 0 else 1 for factor in (2, 4)))
        channels = (3 * tubelet, width, 2 * width, 2 * width)
        self.convolutions = nn.Sequential(
            *chain.from_iterable(
                (
                    nn.Conv2d(before, after, 3, stride, 1, bias=False),
                    GlobalBatchNorm(after),
                    nn.ReLU(),
                )
                for before, after, stride in zip(channels, channels[1:], strides, strict=False)
            )
        )
        side = patch // math.prod(strides)
        self.linear = Linear(2 * width * side * side, dim)

    def forward(self, tubelets: Float[Tensor, "b n p"]) -> Float[Tensor, "b n d"]:
        """Normalize pixels with ImageNet's statistics and embed them."""
        maps = rearrange(
            (tubelets - self.mean) / self.deviation,
            "b n (u p q c) -> (b n) (u c) p q",
            u=self.tubelet,
            p=self.patch,
            q=self.patch,
        ).contiguous(memory_format=torch.channels_last)  # 0.7 of the time on CPUs
        found = rearrange(self.convolutions(maps), "m e p q -> m (p q e)")
        return cast(Tensor, rearrange(self.linear(found), "(b n) d -> b n d", n=tubelets.shape[1]))


def build_embedding(config: VisualConfig) -> TubeletEmbedding:
    """Build the tubelet embedding that the settings name."""
    sizes = (config.tubelet_size, config.patch_size, config.dim)
    return TubeletEmbedding(*sizes) if config.embed == "linear" else ConvTubeletEmbedding(*sizes)
