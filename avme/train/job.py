"""Training job: the common part of pretraining and fine-tuning.

A stage provides a model, a view of the data, a loss, and optionally a callback at the end of every
epoch.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from avme.checkpoint.file import LAST, PREVIOUS, Checkpoint, prune, save_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.data.clip_reader import ClipReader
from avme.data.dataloader import build_loader
from avme.data.dataset import AudioOf, TrainDataset
from avme.data.donor_audio import DonorAudio
from avme.data.sampler import DistributedBatchSampler, SampleOrder
from avme.data.transforms import TrainTransform, torch_seed
from avme.errors import ArtifactError
from avme.models.layers.sync_batchnorm import freeze_statistics
from avme.progress import Reporter
from avme.shards.dataset import PreparedDataset
from avme.train.batch_loss import LossOf
from avme.train.distributed.fsdp import full_state
from avme.train.distributed.process_group import Distributed, pick_precision
from avme.train.gradient_modulation import modulation_of
from avme.train.metrics.gpu_specs import max_clips_per_second
from avme.train.metrics.loggers import MetricLoggers
from avme.train.metrics.time_estimate import Estimate
from avme.train.metrics.wandb_run import WandbRun
from avme.train.nan_guard import NanGuard
from avme.train.run.derived import model_size, write_derived
from avme.train.run.extend import FACT, history_of, schedule_of
from avme.train.run.folder import RunFolder
from avme.train.run.header import log_end, log_header, log_warnings
from avme.train.schedule import Schedule
from avme.train.trainer import Trainer
from avme.weights.trained_model import export_run


@dataclass(slots=True, kw_only=True)
class TrainJob:
    """Everything a stage trains with, and its run folder."""

    stage: str
    config: PretrainConfig | FinetuneConfig
    facts: dict[str, Any]
    model: nn.Module
    view: TrainTransform
    loss_of: LossOf
    example: tuple[Any, ...]
    """Inputs of one clip for the model, to count its FLOPs."""
    derived: dict[str, Any]
    """Stage-specific entries of derived.json."""
    reader: ClipReader
    audio_of: AudioOf | None
    """Source of the clips' audio; None for their own."""
    prepared: PreparedDataset
    lists: dict[str, int]
    """Number of clips by list: train, and validation and unused if present."""
    protocol: str
    """Effect of the protocol on the clips; empty if it has none."""
    start: str
    """Description of the initial weights of a new run."""
    run: RunFolder
    device: torch.device
    processes: Distributed
    best: dict[str, float] = field(default_factory=dict)
    """Metrics of the best epoch, updated by `end_epoch` and stored in every checkpoint."""

    @property
    def report(self) -> Reporter:
        """Reporter of the run: screen and train.log."""
        return self.run.report

    def checkpoint(self, trainer: Trainer, meter: dict[str, Any] | None = None) -> Checkpoint:
        """Build a checkpoint; without `meter` only what evaluation needs.

        The latter must be called inside `trainer.averaged()`. All ranks must call it; only rank 0
        gets full tensors of a sharded model.
        """
        average = trainer.average
        return Checkpoint(
            stage=self.stage,
            config=self.config.model_dump(mode="json", exclude={"slurm"}),
            facts=self.facts,
            step=trainer.step,
            model=full_state(self.model.state_dict()),
            optimizer={} if meter is None else full_state(trainer.optimizer.state_dict()),
            best=dict(self.best),
            meter=meter or {},
            average={} if meter is None or average is None else average.state(),
            scaler={} if meter is None else trainer.scaler.state_dict(),
        )

    def describe(self, index: int, seed: int) -> dict[str, Any]:
        """Return a clip of the list, and the window that a draw with this seed read."""
        entry = self.reader.entries[index]
        with torch_seed(seed):
            window = self.view.window(entry.num_frames)
            box = self.view.box(entry.height, entry.width)
        donors = self.audio_of if isinstance(self.audio_of, DonorAudio) else None
        return {
            "clip": entry.id,
            **({"audio_of": donors.source(entry, seed).id} if donors else {}),
            "shard": entry.shard,
            "row": entry.row,
            "window": asdict(window),
            "box": asdict(box),
        }


EpochCallback = Callable[[Trainer, int, MetricLoggers | None], str]
"""(trainer, number of the ended epoch, loggers of rank 0) -> note for the progress bar."""


def train(job: TrainJob, end_epoch: EpochCallback | None = None) -> None:
    """Train to the end of the schedule, from the run's checkpoint if it has one."""
    began = time.monotonic()
    settings = job.config.train
    audio = getattr(job.model, "audio", None)
    if settings.batch_norm == "frozen" and audio is not None:
        freeze_statistics(audio)
    order = SampleOrder(
        num_clips=len(job.reader.entries),
        batch=settings.batch_size,
        seed=settings.seed,
        repeat=settings.repeat,
    )
    size = model_size(job) if job.processes.is_rank0 else {}
    history = history_of(job.run.checkpoint, job.config)
    if history is not None:
        job.facts = job.facts | {FACT: history}
    trainer = Trainer(
        model=job.model,
        optim=job.config.optim,
        train=settings,
        schedule=_schedule(job, history, order.steps_per_epoch),
        depth=job.config.model.visual.depth,
        device=job.device,
        precision=pick_precision(
            settings.precision, job.device, is_sharded=settings.sharding == "fsdp"
        ),
        processes=job.processes,
        steps_per_epoch=order.steps_per_epoch,
        modulation=modulation_of(job.config),
        guard=NanGuard(
            job.processes,
            describe=job.describe,
            folder=job.run.folder,
            settings=job.config.model_dump(mode="json"),
        ),
    )
    _resume(job, trainer)
    batches = DistributedBatchSampler(
        order,
        first_step=trainer.step,
        last_step=trainer.schedule.total_steps,
        rank=job.processes.rank,
        world=job.processes.world,
        micro_batch_size=settings.micro_batch_size,
    )
    clips = TrainDataset(job.reader, job.view, job.audio_of)
    loader = build_loader(
        clips,
        batches,
        workers=settings.num_workers,
        pin=job.device.type == "cuda",
        local_world_size=job.processes.local_world_size,
        batch_bytes=max(batches.sizes) * clips.item_bytes,
    )

    def fit(record: MetricLoggers | None, estimate: Estimate | None = None) -> None:
        trainer.fit(
            loader,
            batches.micro_batches,
            job.loss_of,
            title=job.stage,
            record=record,
            save=lambda: _save(job, trainer),
            end_epoch=None if end_epoch is None else lambda n: end_epoch(trainer, n, record),
            report=job.report,
            estimate=estimate,
        )

    if job.processes.is_rank0:
        log_warnings(job)
        write_derived(job, trainer, size)
        estimate = log_header(job, trainer, size, max(batches.sizes))
        trainer.meter.max_clips_per_second = max_clips_per_second(
            job.device, trainer.precision, size["forward_gflop_per_clip"], job.processes.world
        )
        with MetricLoggers(job.run.folder, trainer.step, _wandb(job)) as record:
            if record.num_lost:
                job.report.log(
                    f"warning: {record.num_lost} lines of {record.path} could not be read and are "
                    "left out; the training itself is not affected"
                )
            fit(record, estimate)
        log_end(job, trainer, began)
    else:
        fit(None)
    with trainer.averaged():  # a checkpoint stores the model's own tensors
        last = job.checkpoint(trainer)
        if job.processes.is_rank0:
            epoch = trainer.step // trainer.steps_per_epoch
            export_run(job.run.folder, last, epoch, job.run.checkpoint_path("best"))


def _schedule(job: TrainJob, history: dict[str, Any] | None, steps_per_epoch: int) -> Schedule:
    try:
        return schedule_of(job.config, history, steps_per_epoch)
    except ValueError as error:
        raise ArtifactError(
            f"{job.run.folder}: its checkpoint records impossible changes of epochs ({error}): "
            "take another checkpoint"
        ) from error


def _wandb(job: TrainJob) -> WandbRun | None:
    project = job.config.train.wandb
    settings = job.config.model_dump(mode="json")
    return None if project is None else WandbRun(job.run.folder, project, settings)


def _resume(job: TrainJob, trainer: Trainer) -> None:
    if (checkpoint := job.run.checkpoint) is not None:
        trainer.restore(checkpoint)
        job.best.update(checkpoint.best)
        total = trainer.schedule.total_steps
        job.report.log(f"resuming {job.run.folder} at step {trainer.step} of {total}")


def _save(job: TrainJob, trainer: Trainer) -> None:
    checkpoint = job.checkpoint(trainer, trainer.meter.state(job.processes))
    if not job.processes.is_rank0:
        return
    last, previous = job.run.checkpoint_path(LAST), job.run.checkpoint_path(PREVIOUS)
    save_checkpoint(last, checkpoint, previous=previous)
    job.run.write_running(job.processes, trainer.step)
    every, most = job.config.train.save_every_epochs, job.config.train.max_saved
    epoch, index = divmod(trainer.step, trainer.steps_per_epoch)
    if every and epoch and not index and epoch % every == 0:
        save_checkpoint(job.run.checkpoint_path(f"step-{trainer.step}"), checkpoint)
        if most is not None:
            prune(last.parent, most)
