"""Settings of `avme pretrain`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from avme.config.base import Settings
from avme.config.clip import WithGrid
from avme.config.model import ModelConfig
from avme.config.slurm import JobConfig
from avme.config.train import OptimConfig, TrainConfig

Side = Annotated[float, Field(gt=0.0, le=1.0)]


class MaskConfig(Settings):
    """Masking of video tokens; audio is never masked."""

    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9
    """Fraction of the positions masked in every time slot, rounded down to whole positions."""
    decoder_ratio: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Fraction of the masked tokens that the decoder neither receives nor predicts, others in every
    slot (running cell masking of VideoMAE V2, where it is 0.5). The loss covers the rest."""


class LossConfig(Settings):
    """Reconstruction loss (paper eq. 7)."""

    target: Literal["normalized", "pixel"] = "normalized"
    """normalized: per tubelet and color channel, as VideoMAE; pixel: for flat synthetic images."""
    tokens: Literal["masked", "all"] = "masked"
    """Tokens in the loss."""


class CropConfig(Settings):
    """Multi-scale crop of VideoMAE, the only augmentation of pretraining."""

    scales: Annotated[tuple[Side, ...], Field(min_length=1, max_length=100)] = (
        1.0,
        0.875,
        0.75,
        0.66,
    )
    """Sides of the crop as fractions of the short side; height and width may differ by one step."""
    shift: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Maximum shift of the frame as a fraction of its short side, with borders repeated. Above 0 it
    replaces the crop by the full center square."""


class PretrainConfig(WithGrid):
    """Pretraining by masked autoencoding."""

    model: ModelConfig = ModelConfig()
    mask: MaskConfig = MaskConfig()
    loss: LossConfig = LossConfig()
    crop: CropConfig = CropConfig()
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
    slurm: JobConfig = JobConfig()

    def _network(self) -> ModelConfig:
        return self.model

    @model_validator(mode="after")
    def _protocol_fits_fusion(self) -> "PretrainConfig":
        protocol, kind = self.train.protocol, self.model.fusion.kind
        if protocol == "visual" and kind != "none":
            raise ValueError(
                f"protocol visual gives the model no audio: use --fusion none, found {kind}"
            )
        if protocol == "constant" and kind == "none":
            raise ValueError("protocol constant controls the fusion, found fusion none")
        return self

    @model_validator(mode="after")
    def _mask_hides_some_and_keeps_some(self) -> "PretrainConfig":
        indices = (self.clip.image_size // self.model.visual.patch_size) ** 2
        hidden = int(self.mask.ratio * indices)
        if not 0 < hidden < indices:
            raise ValueError(f"mask.ratio {self.mask.ratio} hides {hidden} of {indices} places")
        if not int(hidden - self.mask.decoder_ratio * hidden):
            raise ValueError(
                f"mask.decoder_ratio {self.mask.decoder_ratio} predicts none of {hidden} places"
            )
        if self.mask.decoder_ratio > 0.0 and self.loss.tokens == "all":
            raise ValueError(
                "loss.tokens all needs every token predicted: leave mask.decoder_ratio at 0, found "
                f"{self.mask.decoder_ratio}"
            )
        return self
