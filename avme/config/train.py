"""Settings of the training engine, shared by pretraining and fine-tuning."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from avme.config.base import Settings

NotNegative = Annotated[float, Field(ge=0.0, le=1e6)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Clips = Annotated[int, Field(ge=1, le=65_536)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""What both NumPy and torch take."""


class OptimConfig(Settings):
    """AdamW with linear warm-up and cosine decay per step."""

    lr: Annotated[float, Field(gt=0.0, le=1e6)] = 3e-4
    """Learning rate for 256 clips a step; the real one is lr x batch / 256."""
    min_lr: NotNegative = 1e-5
    """Where the cosine ends, scaled in the same way."""
    warmup_epochs: NotNegative = 40.0
    """Epochs of linear warm-up. Unless it is set, at most a tenth of `train.epochs`, or the share
    that the preset has where that is larger."""
    weight_decay: NotNegative = 0.05
    """Not applied to biases, norms and other one-dimensional parameters."""
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    grad_clip_norm: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    """Largest norm of the gradient; none leaves it alone."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Factor on the learning rate from one layer of the visual encoder to the one below it."""


class TrainConfig(Settings):
    """The loop."""

    epochs: Count = 800
    batch_size: Clips = 192
    """Clips per optimiser step over all devices; accumulation follows from `micro_batch_size`."""
    micro_batch_size: Clips | None = None
    """Clips per device at a time; none takes the whole share of the device."""
    repeat: Count = 1
    """Windows drawn from every clip in an epoch."""
    seed: Seed = 0
    batch_norm: Literal["synchronized", "frozen"] = "synchronized"
    """Statistics of the audio encoder: of the global batch, or as the weights brought them."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """auto is bf16 where the GPU has it, else fp16 with a loss scale; fp32 on CPUs."""
    ema_decay: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Decay a step of a moving average of the weights, which is then validated, kept as best and
    exported in their place; rises to it as (1 + n) / (10 + n) after n steps. none keeps none."""
    tf32: bool = False
    """Multiplies single precision as TF32 on GPUs that can: faster, with 10 bits of mantissa."""
    compile: bool = False
    """Compiles the transformer blocks; minutes at the start, and other rounding."""
    activation_checkpointing: bool = False
    """Computes blocks again in the backward pass instead of keeping what they did: less memory for
    a third more time."""
    sharding: Literal["none", "fsdp"] = "none"
    """fsdp: each process keeps a share of weights, gradients and optimiser states instead of all;
    less memory, more communication, and nothing with one process."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    num_workers: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Loader processes per device; none takes the cores that are left over, at most 8."""
    log_every: Annotated[int, Field(ge=1, le=10**9)] = 10
    """Steps between two lines of metrics.jsonl."""
    checkpoint_minutes: Annotated[float, Field(gt=0.0, le=1e6)] = 10.0
    """At most this long between two checkpoints; sooner where saving costs under 1 % of time."""
    save_every_epochs: Count | None = None
    """Epochs between two checkpoints that are kept as step-N.pt."""
    max_saved: Count | None = None
    """How many of those stay, the newest; none keeps all."""
    log_images_every_epochs: Count | None = 20
    """Epochs of pretraining between two pictures of reconstructions in TensorBoard; none draws
    none."""
    wandb: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Project at Weights & Biases to report to as well; none sends nothing."""

    @model_validator(mode="after")
    def _fp16_is_whole(self) -> "TrainConfig":
        if self.precision == "fp16" and self.sharding == "fsdp":
            raise ValueError(
                "sharding fsdp does not scale losses of fp16: use --precision bf16 or fp32"
            )
        return self
