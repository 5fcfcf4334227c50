"""Settings of the model (paper III; VideoMAE's and TalkNet's sizes by default).

The defaults are ViT-B. Widths are never derived from patch sizes, although paper eq. 4 does so.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import Field, model_validator

from avme.config.base import Settings

Positive = Annotated[int, Field(ge=1, le=65_536)]
Depth = Annotated[int, Field(ge=1, le=1000)]
"""Blocks in a row."""
MlpRatio = Annotated[float, Field(gt=0.0, le=64.0)]
"""Width of the hidden layer of an MLP, as a multiple of the width of its tokens."""
Model = TypeVar("Model", bound=Settings)


def _check_block(settings: Model, dim: int, heads: int, mlp_ratio: float) -> Model:
    if dim % heads:
        raise ValueError(f"width {dim} is not divisible by {heads} heads")
    if not int(dim * mlp_ratio):
        raise ValueError(f"mlp_ratio {mlp_ratio} leaves no hidden channel of width {dim}")
    return settings


class VisualConfig(Settings):
    """Video encoder: a ViT over tubelets."""

    dim: Positive = 768
    depth: Depth = 12
    heads: Positive = 12
    mlp_ratio: MlpRatio = 4.0
    patch_size: Positive = 16
    """Height and width of a patch in pixels."""
    tubelet_size: Positive = 2
    """Frames per token."""
    embed: Literal["linear", "conv"] = "linear"
    """Tubelet embedding: linear as VideoMAE; conv has three 3 x 3 convolutions of the tubelet's own
    pixels before the linear layer, for small frames and little data."""
    positions: Literal["flat", "separable"] = "flat"
    """Position embeddings: flat is VideoMAE's table over the token index; separable has channels
    for slot, row and column each, which small models and little data learn from sooner. The
    decoder has the same."""
    final_norm: bool = True
    """Layer norm after the last block, as in VideoMAE's pretraining; false as in transformers."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> "VisualConfig":
        return _check_block(self, self.dim, self.heads, self.mlp_ratio)


class AudioConfig(Settings):
    """Audio encoder: TalkNet's SE-ResNet34 over MFCC."""

    num_cepstra: Positive = 13
    widths: tuple[Positive, Positive, Positive, Positive] = (16, 32, 64, 128)
    """Channels of the four stages."""
    blocks: tuple[Depth, Depth, Depth, Depth] = (3, 4, 6, 3)
    """Residual blocks of the four stages."""


class FusionConfig(Settings):
    """Fusion of the two streams (paper III-D)."""

    kind: Literal["cross-attention", "concat", "none"] = "cross-attention"
    """none is VideoMAE; concat joins the aligned streams without attention."""
    variant: Literal["prenorm", "talknet"] = "prenorm"
    """prenorm initially equals VideoMAE; talknet is post-norm with the residual on key and
    value."""
    heads: Positive = 8
    mlp_ratio: MlpRatio = 4.0
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class DecoderConfig(Settings):
    """Light decoder, used in pretraining only."""

    dim: Positive = 384
    depth: Depth = 4
    heads: Positive = 6
    mlp_ratio: MlpRatio = 4.0

    @model_validator(mode="after")
    def _sizes_fit(self) -> "DecoderConfig":
        return _check_block(self, self.dim, self.heads, self.mlp_ratio)


class ModelConfig(Settings):
    """Model: encoders, fusion and decoder."""

    visual: VisualConfig = VisualConfig()
    audio: AudioConfig = AudioConfig()
    fusion: FusionConfig = FusionConfig()
    decoder: DecoderConfig = DecoderConfig()
    pos_embed_grid: tuple[Positive, Positive, Positive] | None = None
    """Time slots, rows and columns of the position embeddings in the initial weights, which are
    interpolated to the window's grid; set by --init. none is the window's grid."""

    @model_validator(mode="after")
    def _fusion_fits(self) -> "ModelConfig":
        fusion = self.fusion
        return _check_block(self, self.visual.dim, fusion.heads, fusion.mlp_ratio)
