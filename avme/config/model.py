"""Shapes of the model (paper III; VideoMAE's and TalkNet's sizes by default).

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
    """The visual encoder, a ViT over tubelets."""

    dim: Positive = 768
    depth: Depth = 12
    heads: Positive = 12
    mlp_ratio: MlpRatio = 4.0
    patch_size: Positive = 16
    """Height and width of a patch in pixels."""
    tubelet_size: Positive = 2
    """Frames per token."""
    final_norm: bool = True
    """Layer norm after the last block, as VideoMAE pretrains; false for transformers' default."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> "VisualConfig":
        return _check_block(self, self.dim, self.heads, self.mlp_ratio)


class AudioConfig(Settings):
    """The audio encoder: TalkNet's SE-ResNet34 over MFCC."""

    num_cepstra: Positive = 13
    widths: tuple[Positive, Positive, Positive, Positive] = (16, 32, 64, 128)
    """Channels of the four stages."""
    blocks: tuple[Depth, Depth, Depth, Depth] = (3, 4, 6, 3)
    """Residual blocks of the four stages."""


class FusionConfig(Settings):
    """How the two streams meet (paper III-D)."""

    kind: Literal["cross-attention", "concat", "none"] = "cross-attention"
    """none is VideoMAE; concat joins the aligned streams without attention."""
    variant: Literal["prenorm", "talknet"] = "prenorm"
    """prenorm starts as VideoMAE exactly; talknet is post-norm with the residual on key/value."""
    heads: Positive = 8
    mlp_ratio: MlpRatio = 4.0
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class DecoderConfig(Settings):
    """The light decoder that only pretraining uses."""

    dim: Positive = 384
    depth: Depth = 4
    heads: Positive = 6
    mlp_ratio: MlpRatio = 4.0

    @model_validator(mode="after")
    def _sizes_fit(self) -> "DecoderConfig":
        return _check_block(self, self.dim, self.heads, self.mlp_ratio)


class ModelConfig(Settings):
    """The whole network."""

    visual: VisualConfig = VisualConfig()
    audio: AudioConfig = AudioConfig()
    fusion: FusionConfig = FusionConfig()
    decoder: DecoderConfig = DecoderConfig()
    pos_embed_grid: tuple[Positive, Positive, Positive] | None = None
    """Slots, rows and columns of the grid that the weights come from, whose positions are stretched
    over the window; --init sets it; none takes the window's own."""

    @model_validator(mode="after")
    def _fusion_fits(self) -> "ModelConfig":
        fusion = self.fusion
        return _check_block(self, self.visual.dim, fusion.heads, fusion.mlp_ratio)
