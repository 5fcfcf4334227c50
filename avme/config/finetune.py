"""Settings of `avme finetune`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from avme.config.base import Settings
from avme.config.clip import WithGrid
from avme.config.model import ModelConfig
from avme.config.slurm import JobConfig
from avme.config.train import OptimConfig, TrainConfig

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Area = Annotated[float, Field(gt=0.0, le=1.0)]
Aspect = Annotated[float, Field(ge=0.01, le=100.0)]


class HeadConfig(Settings):
    """The classifier and what keeps it from overfitting."""

    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    """On the pooled tokens, before the last layer."""
    drop_path: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Share of residual branches dropped in the last block; falls linearly to 0 in the first."""
    init_scale: Annotated[float, Field(gt=0.0, le=1000.0)] = 0.001
    """Factor on the last layer's first weights."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Label smoothing."""
    pool: Literal["mean", "max", "first"] = "mean"
    """How tokens become one vector: max finds what few tokens show, and learns sooner on little
    data; mean is VideoMAE's; first is that of transformers with use_mean_pooling false."""
    norm: Literal["layer", "batch"] = "layer"
    """Of the pooled vector: batch takes away what all clips share; layer is VideoMAE's."""


class AugmentConfig(Settings):
    """What happens to a clip before the model sees it; sound and picture are treated together."""

    crop_scale: tuple[Area, Area] = (0.08, 1.0)
    """Area of the random crop as a share of the picture."""
    crop_ratio: tuple[Aspect, Aspect] = (0.75, 4 / 3)
    """Aspect of the random crop."""
    hflip_prob: Share = 0.5
    """Probability of a mirror image."""
    randaugment_ops: Annotated[int, Field(ge=0, le=64)] = 4
    """Operations of RandAugment drawn for a clip, the same for all its frames; 0 switches it off.
    All defaults together are timm's and VideoMAE's `rand-m7-n4-mstd0.5-inc1`."""
    randaugment_magnitude: Annotated[float, Field(ge=0.0, le=10.0)] = 7.0
    """Mean level of an operation, of 10 as in timm: 7 rotates by 21 degrees."""
    randaugment_std: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.5
    """Standard deviation of the level."""
    randaugment_prob: Share = 0.5
    """Probability that an operation that was drawn is applied."""
    erase_prob: Share = 0.25
    """Probability that a rectangle of all frames is erased."""
    mixup: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.8
    """Alpha of mixup on pictures, sound and labels alike; 0 switches it off."""
    cutmix: Annotated[float, Field(ge=0.0, le=1000.0)] = 1.0
    """Alpha of cutmix; sound is mixed in the same proportion; 0 switches it off."""
    jitter_frames: Annotated[int, Field(ge=0, le=65_536)] = 0
    """A short clip's window may start up to this many frames before the clip does."""
    audio_time_mask: Share = 0.0
    """Longest stretch of sound that is masked, as a share of the window (SpecAugment)."""
    audio_freq_mask: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Largest number of adjacent cepstral coefficients that are masked (SpecAugment)."""
    audio_noise: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    """Deviation of noise added to the normalized MFCC."""
    audio_dropout: Share = 0.0
    """Probability that a clip's sound is replaced by the learned null sequence."""

    @field_validator("crop_scale", "crop_ratio")
    @classmethod
    def _is_a_range(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] > limits[1]:
            raise ValueError(f"found {list(limits)}, expected the smaller number first")
        return limits


class FinetuneConfig(WithGrid):
    """From an encoder to a classifier."""

    modality: Literal["av", "v", "a"] = "av"
    """av: both streams fused; v: plain VideoMAE; a: sound alone."""
    val_fraction: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the train list held out by group to choose the best epoch; 0 takes the last."""
    model: ModelConfig = ModelConfig()
    head: HeadConfig = HeadConfig()
    augment: AugmentConfig = AugmentConfig()
    optim: OptimConfig = OptimConfig(
        lr=5e-4, min_lr=1e-5, warmup_epochs=5, betas=(0.9, 0.999), layer_decay=0.7
    )
    train: TrainConfig = TrainConfig(epochs=100, batch_size=128)
    slurm: JobConfig = JobConfig()

    @model_validator(mode="after")
    def _batch_norm_has_company(self) -> "FinetuneConfig":
        if self.head.norm == "batch" and 1 in (self.train.batch_size, self.train.micro_batch_size):
            raise ValueError("head.norm batch needs at least 2 clips at a time, found 1")
        return self

    def _network(self) -> ModelConfig:
        return self.model
