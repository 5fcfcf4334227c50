"""Throughput of this device: a few real training steps on random clips.

Not included: reading clips, validation, checkpoints and communication between devices.
"""

import statistics
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.bench.random_batch import random_batch
from avme.bench.run_estimate import Derived, Training
from avme.config import PretrainConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.build import build_model
from avme.models.layers.sync_batchnorm import freeze_statistics
from avme.models.masking import TubeMask
from avme.progress import NullReporter, Reporter
from avme.stages.pretrain import reconstruction_step
from avme.train.compile import set_up
from avme.train.distributed.process_group import autocast, pick_device, pick_precision
from avme.train.metrics.gpu_specs import max_clips_per_second
from avme.train.optim import build_optimizer

_GFLOP_AT_A_TIME = 500.0
"""Work per call on a CPU: two clips for ViT-B, more for smaller networks."""
_CLIPS_AT_A_TIME = 64
"""Clips per call on a GPU, if its memory suffices."""
_FEWEST = 2
"""BatchNorm needs at least 2 clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Measured speed of this device; medians."""

    device: str
    precision: str
    batch: int
    """Clips per call."""
    clip_seconds: float
    """Forward and backward pass of one clip."""
    update_seconds: float
    """Optimizer update, once per step."""
    share: float
    """Fraction of its threads' time that the CPU worked for this process; 1 on a GPU. Below 1 the
    machine was busy with other work, or threads waited."""
    max_clips_per_second: float | None
    """Clips per second at the peak of the data sheet; None if unknown."""

    def hours(self, settings: Training, steps: int) -> float:
        """Return the hours of that many optimizer steps on this device alone."""
        step = settings.train.batch_size * self.clip_seconds + self.update_seconds
        return steps * step / 3600.0

    def teraflops(self, derived: Derived) -> float:
        """Return the measured speed in 10^12 operations per second."""
        return derived.flops.step / self.clip_seconds / 1e12

    @property
    def mfu(self) -> float | None:
        """Return the model FLOPs utilization; None if the device's peak is unknown."""
        if self.max_clips_per_second is None:
            return None
        return 1.0 / self.clip_seconds / self.max_clips_per_second


def measure_throughput(
    settings: Training,
    derived: Derived,
    num_classes: int,
    *,
    steps: int = 2,
    report: Reporter | None = None,
) -> Throughput:
    """Time `steps` steps after one warm-up step; a full GPU gets half the clips.

    Args:
        settings: Settings of a training stage.
        derived: Numbers derived from them.
        num_classes: Number of classes.
        steps: Timed steps.
        report: Receives progress.

    Raises:
        SystemRequirementError: The device is missing.
    """
    device = pick_device(settings.train.device)
    train = settings.train
    precision = pick_precision(train.precision, device, is_sharded=train.sharding == "fsdp")
    model = build_model(settings, num_classes).to(device).train()
    set_up(model, settings.train, device)
    if settings.train.batch_norm == "frozen" and (audio := getattr(model, "audio", None)):
        freeze_statistics(audio)
    optimizer = build_optimizer(model, settings.optim, settings.model.visual.depth)
    batch = _clips_at_a_time(settings, derived, device)
    began = time.perf_counter(), time.process_time()
    times: list[tuple[float, float]] = []
    with (report or NullReporter()).task("measure throughput", total=steps + 1) as task:
        while len(times) <= steps:
            try:
                clips = random_batch(settings, batch, device, num_classes)
                times.append(_step(settings, model, clips, optimizer, device, precision))
                task.advance(1, f"{batch} clips at a time")
            except torch.OutOfMemoryError:
                if batch <= _FEWEST:
                    raise
                optimizer.zero_grad(set_to_none=True)
                batch //= 2
                times.clear()
    works, updates = zip(*times[1:], strict=True)
    wall, worked = time.perf_counter() - began[0], time.process_time() - began[1]
    threads, on_cpu = torch.get_num_threads(), device.type == "cpu"
    return Throughput(
        device=f"CPU, {threads} threads" if on_cpu else torch.cuda.get_device_name(device),
        precision=str(precision).removeprefix("torch."),
        batch=batch,
        clip_seconds=statistics.median(works) / batch,
        update_seconds=statistics.median(updates),
        share=min(1.0, worked / (wall * threads)) if on_cpu else 1.0,
        max_clips_per_second=max_clips_per_second(
            device, precision, derived.flops.forward / 1e9, devices=1
        ),
    )


def _clips_at_a_time(settings: Training, derived: Derived, device: torch.device) -> int:
    most = settings.train.micro_batch_size or settings.train.batch_size
    if device.type == "cuda":
        return min(most, _CLIPS_AT_A_TIME)
    fitting = int(_GFLOP_AT_A_TIME * 1e9 / derived.flops.step)
    return max(_FEWEST, min(most, fitting))


def _step(
    settings: Training,
    model: nn.Module,
    clips: AVBatch,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    precision: torch.dtype,
) -> tuple[float, float]:
    """Return the seconds of forward and backward pass, and of the update."""
    began = _now(device)
    with autocast(device, precision):
        loss = _loss(settings, model, clips)
    torch.autograd.backward(loss)
    worked = _now(device)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return worked - began, _now(device) - worked


def _loss(settings: Training, model: nn.Module, clips: AVBatch) -> Tensor:
    if isinstance(settings, PretrainConfig) and isinstance(model, MaskedAutoencoder):
        mask = TubeMask(model.grid, settings.mask.ratio, settings.mask.decoder_ratio)
        return reconstruction_step(settings, mask)(model, clips, 0, False).loss
    return F.cross_entropy(model(clips.video, clips.mfcc, clips.audio_valid).float(), clips.label)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
