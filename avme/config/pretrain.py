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
    """How much of the picture the encoder does not see; sound is never masked."""

    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9
    """Share of places hidden in every time slot, rounded down to whole places."""
    decoder_keep: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of the hidden places that the decoder is given and predicts, in every slot others (the
    running cell of VideoMAE V2, where it is 0.5); the loss is on those."""


class LossConfig(Settings):
    """What the decoder must predict (paper eq. 7)."""

    target: Literal["normalised", "pixel"] = "normalised"
    """normalised: per tubelet and colour, as VideoMAE; pixel: for flat synthetic pictures."""
    on: Literal["masked", "all"] = "masked"
    """Tokens that enter the loss."""


class CropConfig(Settings):
    """The only augmentation of pretraining: VideoMAE's multi-scale crop, and no flip."""

    scales: Annotated[tuple[Side, ...], Field(min_length=1, max_length=100)] = (
        1.0,
        0.875,
        0.75,
        0.66,
    )
    """Sides of the crop as shares of the short side; height and width may differ by one step."""


class PretrainConfig(WithGrid):
    """From shards to a pretrained encoder."""

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
    def _mask_hides_some_and_keeps_some(self) -> "PretrainConfig":
        places = (self.clip.size // self.model.visual.patch) ** 2
        hidden = int(self.mask.ratio * places)
        if not 0 < hidden < places:
            raise ValueError(f"mask.ratio {self.mask.ratio} hides {hidden} of {places} places")
        if not int(self.mask.decoder_keep * hidden):
            raise ValueError(
                f"mask.decoder_keep {self.mask.decoder_keep} predicts none of {hidden} places"
            )
        if self.mask.decoder_keep < 1.0 and self.loss.on == "all":
            raise ValueError(
                "loss.on all needs every token predicted: leave mask.decoder_keep at 1, found "
                f"{self.mask.decoder_keep}"
            )
        return self
