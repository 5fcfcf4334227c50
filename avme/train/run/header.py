"""Header of a training run: lines that are printed before the first step and logged."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from avme.config import ClipConfig, FinetuneConfig, PretrainConfig
from avme.data.dataloader import default_workers
from avme.train.flat_frames import flat_warning
from avme.train.metrics.time_estimate import DAY, Estimate, cpu_gflops, duration
from avme.train.schedule import Schedule
from avme.train.setting_warnings import batch_warning, setting_warnings

if TYPE_CHECKING:
    from avme.train.job import TrainJob
    from avme.train.trainer import Trainer

_PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
_BACKWARD = 2.0
"""Operations of the backward pass relative to the forward pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Data, model, device and schedule of a run."""

    config: PretrainConfig | FinetuneConfig
    dataset: str
    folder: Path
    """Folder of the prepared dataset."""
    lists: dict[str, int]
    """Number of clips by list: train, validation, unused."""
    protocol: str
    """Effect of the protocol on the clips; empty if it has none."""
    parameters: dict[str, int]
    """Number of parameters by part, and `all`."""
    gflop_per_clip: float
    """Operations of the forward pass."""
    start: str
    """Description of the initial weights."""
    device: torch.device
    precision: torch.dtype
    processes: int
    micro_batch_size: int
    """Clips per device in one pass."""
    loader_workers: int
    """Loader workers per rank."""
    schedule: Schedule
    steps_per_epoch: int
    out: Path
    """Run folder."""

    def lines(self) -> Iterator[str]:
        """Return one line per topic, beginning with its name."""
        for name, text in self._rows():
            yield f"{name:<9} {text}"

    def _rows(self) -> Iterator[tuple[str, str]]:
        train, clip, schedule = self.config.train, self.config.clip, self.schedule
        lists = {name: n for name, n in self.lists.items() if n or name != "unused"}
        counts = ", ".join(f"{count:,} {name}" for name, count in lists.items())
        yield "data", f"{self.dataset} ({self.folder}), split {clip.split}: {counts} clips"
        if self.protocol:
            yield "protocol", self.protocol
        parts = ", ".join(
            f"{name} {_short(count)}"
            for name, count in self.parameters.items()
            if count and name != "all"
        )
        yield "model", f"{_short(self.parameters['all'])} parameters ({parts}); {_window(clip)}"
        yield "weights", self.start
        precision = _PRECISIONS.get(self.precision, str(self.precision))
        workers = _counted(self.loader_workers, "loader worker")
        yield "device", f"{self._device()}, {precision}, {workers} each"
        share = train.batch_size // self.processes
        shared = f" = {self.processes} x {share}" if self.processes > 1 else ""
        if self.micro_batch_size < share:
            shared += f", {self.micro_batch_size} at a time"
        yield (
            "batch",
            f"{train.batch_size} clips a step{shared}; peak learning rate {schedule.peak:.3g}",
        )
        yield (
            "schedule",
            f"{_counted(train.epochs, 'epoch')} of {_counted(self.steps_per_epoch, 'step')}: "
            f"{schedule.total_steps:,} in all, {schedule.warmup_steps:,} of them warm-up",
        )
        yield "out", str(self.out)

    def _device(self) -> str:
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
            return f"{self.processes} x {name}"
        processes = _counted(self.processes, "process", "processes")
        return f"cpu, {processes} of {_counted(torch.get_num_threads(), 'thread')}"

    def warning(self, gflops: float, step: int, preset: str) -> str | None:
        """Return a warning if the remaining steps take more than a day.

        The estimate is a lower bound, as the rate is that of a matrix product alone, unless the
        machine is busy with other work.

        Args:
            gflops: Measured GFLOP/s per rank.
            step: Number of steps done.
            preset: Name of the preset, if any.
        """
        left = self.schedule.total_steps - step
        work = self.gflop_per_clip * (1.0 + _BACKWARD) * self.config.train.batch_size
        seconds = left * work / gflops / self.processes
        if seconds < DAY:
            return None
        return (
            f"warning: about {duration(seconds)} or more on this CPU ({work:,.0f} GFLOP a step at "
            f"{gflops:,.0f} GFLOP/s): {advice(preset)}"
        )


def log_warnings(job: "TrainJob") -> None:
    """Report settings with which a model learns little, alone or on these clips."""
    flat = flat_warning(job.config, job.reader)
    few = batch_warning(job.config, len(job.reader.entries))
    for warning in (*setting_warnings(job.config), *filter(None, [flat, few])):
        job.report.log(warning)


def log_header(
    job: "TrainJob", trainer: "Trainer", size: dict[str, Any], micro_batch_size: int
) -> Estimate:
    """Report the header, and on a CPU a warning if training would take days.

    Args:
        job: Training job.
        trainer: Trainer.
        size: Parameters and operations.
        micro_batch_size: Clips per device in one pass.
    """
    settings, schedule, preset = job.config.train, trainer.schedule, str(job.facts["preset"])
    workers = settings.num_workers
    header = Header(
        config=job.config,
        dataset=job.prepared.name,
        folder=job.prepared.folder,
        lists=job.lists,
        protocol=job.protocol,
        parameters=size["parameters"],
        gflop_per_clip=size["forward_gflop_per_clip"],
        start=job.start if job.run.checkpoint is None else f"of this run at step {trainer.step:,}",
        device=job.device,
        precision=trainer.precision,
        processes=job.processes.world,
        micro_batch_size=micro_batch_size,
        loader_workers=default_workers(job.processes.local_world_size)
        if workers is None
        else workers,
        schedule=schedule,
        steps_per_epoch=trainer.steps_per_epoch,
        out=job.run.folder,
    )
    for line in header.lines():
        job.report.log(line)
    if job.device.type == "cpu" and trainer.step < schedule.total_steps:
        warning = header.warning(cpu_gflops(), trainer.step, preset)
        if warning:
            job.report.log(warning)
    total = schedule.total_steps
    return Estimate(job.device, total, trainer.steps_per_epoch, advice(preset))


def log_end(job: "TrainJob", trainer: "Trainer", began: float) -> None:
    """Report the end of a run: its steps, duration and last loss.

    Args:
        job: Training job.
        trainer: Trainer.
        began: Start in monotonic seconds.
    """
    last = trainer.meter.last
    loss = f", loss {last['loss']:.4f}" if last else ""
    seconds = duration(time.monotonic() - began)
    job.report.log(f"{job.stage} done: {trainer.step:,} steps, in {seconds}{loss}")


def advice(preset: str) -> str:
    """Return advice for a run that takes days on a CPU."""
    if preset == "tiny":
        return "fewer --epochs, or a GPU"
    return "take --preset tiny or small-cpu, which are made for CPUs, or a GPU"


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _window(clip: ClipConfig) -> str:
    size = f"{clip.image_size} x {clip.image_size}"
    return f"{clip.num_frames} frames of {size}, stride {clip.frame_stride}"


def _short(count: int) -> str:
    """Format a count: 94221312 as 94.2 M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return str(count)
