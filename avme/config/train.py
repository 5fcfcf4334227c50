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

AudioProtocol = Literal["all", "audio-only", "donor", "visual", "constant"]
"""Which clips are used, and which audio they have (docs/protocols.md)."""


class OptimConfig(Settings):
    """AdamW with linear warm-up and cosine decay per step."""

    lr: Annotated[float, Field(gt=0.0, le=1e6)] = 3e-4
    """Learning rate for a batch of 256 clips; the rate in use is lr x batch / 256."""
    min_lr: NotNegative = 1e-5
    """Final rate of the cosine, scaled in the same way."""
    warmup_epochs: NotNegative = 40.0
    """Epochs of linear warm-up. Unless set, limited to a tenth of `train.epochs`, or to the
    fraction that the preset has if that is larger."""
    weight_decay: NotNegative = 0.05
    """Weight decay, except of biases, norms and other one-dimensional parameters."""
    betas: tuple[Decay, Decay] = (0.9, 0.95)
    grad_clip_norm: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    """Maximum norm of the gradient; none does not clip."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Factor on the learning rate from each layer of the video encoder to the one below."""


class TrainConfig(Settings):
    """Training loop."""

    protocol: AudioProtocol = "all"
    """Clips and audio of training, validation and evaluation. all: as prepared; audio-only: clips
    with usable audio; donor: clips without it have that of a random training clip of another group;
    visual: no audio; constant: the fusion gets the null tokens for every clip, as a control."""
    epochs: Count = 800
    batch_size: Clips = 192
    """Clips per optimizer step over all devices; gradient accumulation follows from
    `micro_batch_size`."""
    micro_batch_size: Clips | None = None
    """Clips per device in one pass; none is the device's full share of the batch."""
    repeat: Count = 1
    """Windows per clip and epoch."""
    seed: Seed = 0
    batch_norm: Literal["synchronized", "frozen"] = "synchronized"
    """Statistics of the audio encoder: of the global batch, or frozen as in the initial weights."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """auto is bf16 if the GPU has it, else fp16 with loss scaling; fp32 on CPUs."""
    ema_decay: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Decay per step of an exponential moving average of the weights, which is validated, saved as
    best and exported instead of them; it is (1 + n) / (10 + n) after n steps if that is less. none
    disables it."""
    tf32: bool = False
    """Multiply float32 as TF32 on GPUs that support it: faster, with 10 bits of mantissa."""
    compile: bool = False
    """Compile the transformer blocks: minutes at the start, and other rounding."""
    activation_checkpointing: bool = False
    """Recompute blocks in the backward pass instead of storing their activations: less memory, a
    third more time."""
    sharding: Literal["none", "fsdp"] = "none"
    """fsdp: each process stores a part of weights, gradients and optimizer state; less memory, more
    communication. No effect with one process."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    num_workers: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Dataloader processes per device; none is the number of free cores, at most 8."""
    log_every: Annotated[int, Field(ge=1, le=10**9)] = 10
    """Steps between lines of metrics.jsonl."""
    checkpoint_minutes: Annotated[float, Field(gt=0.0, le=1e6)] = 10.0
    """Maximum time between checkpoints; less if saving takes under 1 % of the time."""
    save_every_epochs: Count | None = None
    """Epochs between checkpoints that are kept as step-N.pt; none keeps none."""
    max_saved: Count | None = None
    """Maximum number of step-N.pt, the newest ones; none keeps all."""
    log_images_every_epochs: Count | None = 20
    """Epochs of pretraining between reconstructed images in TensorBoard; none disables them."""
    probe_every_epochs: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Epochs of pretraining between k-NN probes of the features, on whole groups held out of the
    train list; 0 disables them. A probe encodes every clip of the train list once, without mask."""
    wandb: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Project at Weights & Biases to log to; none disables it."""

    @model_validator(mode="after")
    def _fp16_is_whole(self) -> "TrainConfig":
        if self.precision == "fp16" and self.sharding == "fsdp":
            raise ValueError(
                "sharding fsdp does not scale losses of fp16: use --precision bf16 or fp32"
            )
        return self
