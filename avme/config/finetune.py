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
    """Classification head and regularization."""

    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    """Dropout of the pooled vector, before the last layer."""
    drop_path: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Stochastic depth: drop rate of the last block, falling linearly to 0 in the first."""
    init_scale: Annotated[float, Field(gt=0.0, le=1000.0)] = 0.001
    """Factor on the initial weights of the last layer."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Probability spread evenly over all classes in the target."""
    pool: Literal["mean", "max", "first"] = "mean"
    """Pooling of the tokens: mean as VideoMAE; max learns sooner on little data, from features of
    few tokens; first as transformers with use_mean_pooling false."""
    norm: Literal["layer", "batch"] = "layer"
    """Normalization of the pooled vector: layer as VideoMAE; batch removes what all clips share."""
    unimodal_weight: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    """Weight of the losses of two further heads, on video tokens and on audio tokens alone, beside
    the fused one (modality av); 0 has no such heads. TalkNet trains with 0.4."""
    residual: bool = False
    """Add the fused logits to the log probabilities of both heads of `unimodal_weight` (modality
    av): the fused head learns what their product lacks."""
    gradient_modulation: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    """Strength alpha of gradient modulation (modality av): the gradient of the encoder whose own
    head gives the true classes more probability, by a ratio rho, is multiplied by
    1 - tanh(alpha x rho); 0 disables it. It needs the heads of `unimodal_weight`."""


class AugmentConfig(Settings):
    """Augmentation of training clips; frames and audio are augmented together."""

    crop_scale: tuple[Area, Area] = (0.08, 1.0)
    """Area of the random crop as a fraction of the frame: minimum and maximum."""
    crop_ratio: tuple[Aspect, Aspect] = (0.75, 4 / 3)
    """Aspect ratio of the random crop: minimum and maximum."""
    shift: Share = 0.0
    """Maximum shift of the frame as a fraction of its short side, with borders repeated. Above 0 it
    replaces the random crop by the full center square, so that no border of the subject is cut by
    more than the shift."""
    hflip_prob: Share = 0.5
    """Probability of a horizontal flip."""
    randaugment_ops: Annotated[int, Field(ge=0, le=64)] = 4
    """RandAugment operations per clip, the same for all its frames; 0 disables it. The defaults
    together are timm's and VideoMAE's `rand-m7-n4-mstd0.5-inc1`."""
    randaugment_magnitude: Annotated[float, Field(ge=0.0, le=10.0)] = 7.0
    """Mean magnitude of an operation, 0 to 10 as in timm: 7 rotates by 21 degrees."""
    randaugment_std: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.5
    """Standard deviation of the magnitude."""
    randaugment_prob: Share = 0.5
    """Probability of applying each operation."""
    erase_prob: Share = 0.25
    """Probability of random erasing, of the same rectangle in all frames."""
    mixup: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.8
    """Alpha of mixup of frames, audio and labels; 0 disables it."""
    cutmix: Annotated[float, Field(ge=0.0, le=1000.0)] = 1.0
    """Alpha of CutMix; audio is mixed in the same proportion; 0 disables it."""
    jitter_frames: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Maximum number of frames by which the window of a short clip may start before the clip."""
    audio_time_mask: Share = 0.0
    """Maximum length of the masked audio as a fraction of the window (SpecAugment)."""
    audio_freq_mask: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Maximum number of adjacent cepstral coefficients that are masked (SpecAugment)."""
    audio_noise: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    """Standard deviation of the noise added to the normalized MFCC."""
    audio_dropout: Share = 0.0
    """Probability of replacing a clip's audio by the learned null sequence."""

    @field_validator("crop_scale", "crop_ratio")
    @classmethod
    def _is_a_range(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] > limits[1]:
            raise ValueError(f"found {list(limits)}, expected the smaller number first")
        return limits


class FinetuneConfig(WithGrid):
    """Fine-tuning of an encoder as a classifier."""

    modality: Literal["av", "v", "a"] = "av"
    """av: both streams, fused; v: video only, as VideoMAE; a: audio only."""
    val_fraction: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Fraction of the train list held out, by group, to select the best epoch; 0 uses the last
    epoch."""
    label_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Fraction of the other train clips that is trained on, drawn per class by clip id, one of each
    at least; a smaller fraction is part of a larger one."""
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

    @model_validator(mode="after")
    def _modulation_has_heads(self) -> "FinetuneConfig":
        head = self.head
        if self.modality == "av" and head.gradient_modulation > 0.0 == head.unimodal_weight:
            raise ValueError(
                f"head.gradient_modulation {head.gradient_modulation:g} needs the heads of "
                "head.unimodal_weight, found 0"
            )
        return self

    @model_validator(mode="after")
    def _residual_has_heads(self) -> "FinetuneConfig":
        if self.modality == "av" and self.head.residual and self.head.unimodal_weight == 0.0:
            raise ValueError(
                "head.residual needs the heads of head.unimodal_weight, found its weight 0"
            )
        return self

    @model_validator(mode="after")
    def _protocol_fits_modality(self) -> "FinetuneConfig":
        protocol = self.train.protocol
        if protocol == "visual" and self.modality != "v":
            raise ValueError(
                f"protocol visual gives the model no audio: use --modality v, found {self.modality}"
            )
        if protocol == "constant" and self.modality != "av":
            raise ValueError(
                f"protocol constant controls the fusion: use --modality av, found {self.modality}"
            )
        return self

    def _network(self) -> ModelConfig:
        return self.model
