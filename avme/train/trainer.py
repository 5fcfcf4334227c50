"""Training loop: batches in, a trained model and checkpoints out.

Everything random about a step follows from (seed, step) and from its clips, so that a killed run
resumes exactly as if uninterrupted, on any number of ranks. Stages differ in the loss of a batch
and in what they do at the end of an epoch.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.checkpoint.file import Checkpoint
from avme.config import OptimConfig, TrainConfig
from avme.data.sampler import derive_seed
from avme.errors import StoppedBySignal
from avme.progress import Reporter
from avme.train.batch_loss import LossOf
from avme.train.compile import set_up
from avme.train.distributed.collective_interval import CollectiveInterval
from avme.train.distributed.ddp import gradient_sync, wrap_ddp
from avme.train.distributed.fsdp import is_sharded, load_model, load_optimizer, shard
from avme.train.distributed.process_group import Distributed, autocast
from avme.train.distributed.stop_signals import (
    StopRequest,
    StopWaiting,
    interruptible,
    stop_requests,
)
from avme.train.ema import ModelEma
from avme.train.gradient_modulation import GradientModulation
from avme.train.metrics.loggers import MetricLoggers
from avme.train.metrics.metric_meter import MetricMeter
from avme.train.metrics.time_estimate import Estimate
from avme.train.nan_guard import NanGuard
from avme.train.optim import build_optimizer, set_learning_rate, update_weights
from avme.train.save_schedule import Saver
from avme.train.schedule import Schedule


@dataclass(slots=True, kw_only=True)
class Trainer:
    """Model in training, with all state of a checkpoint."""

    model: nn.Module
    optim: OptimConfig
    train: TrainConfig
    schedule: Schedule
    depth: int
    device: torch.device
    precision: torch.dtype
    processes: Distributed
    steps_per_epoch: int
    guard: NanGuard | None = None
    """NaN guard that knows clip names; without it clips are numbers."""
    modulation: GradientModulation | None = None
    optimizer: torch.optim.Optimizer = field(init=False)
    scaler: torch.amp.GradScaler = field(init=False)
    """Inactive unless the precision is float16."""
    average: ModelEma | None = field(init=False)
    meter: MetricMeter = field(init=False)
    step: int = 0
    _is_between_steps: bool = True
    """True if the state is exactly that after `step` steps."""

    def __post_init__(self) -> None:
        self.model.to(self.device)
        set_up(self.model, self.train, self.device)
        if self.train.sharding == "fsdp" and self.processes.world > 1:
            shard(self.model, self.device, self.precision)
        self.optimizer = build_optimizer(self.model, self.optim, self.depth)
        self.meter = MetricMeter(self.train.batch_size, self.device)
        is_half = self.precision == torch.float16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=is_half)
        decay = self.train.ema_decay
        self.average = None if decay is None else ModelEma(self.model, decay)

    def averaged(self) -> AbstractContextManager[None]:
        """Swap in the averaged weights inside the block, if there is an average."""
        return nullcontext() if self.average is None else self.average.applied()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the state of a checkpoint."""
        load_model(self.model, checkpoint.model)
        load_optimizer(self.optimizer, checkpoint.optimizer)
        if self.average is not None:
            self.average.restore(checkpoint.average)
        if checkpoint.scaler:  # empty if the run began on a device with bfloat16
            self.scaler.load_state_dict(checkpoint.scaler)
        self.meter.restore(checkpoint.meter)
        self.step = checkpoint.step

    def fit(
        self,
        batches: Iterable[AVBatch],
        micro_batches: int,
        loss_of: LossOf,
        *,
        title: str,
        record: MetricLoggers | None,
        save: Callable[[], None],
        end_epoch: Callable[[int], str] | None,
        report: Reporter,
        estimate: Estimate | None = None,
    ) -> None:
        """Run steps from `self.step` to the end of the schedule.

        Args:
            batches: Micro-batches.
            micro_batches: Micro-batches per step.
            loss_of: Loss of a micro-batch.
            title: Title of the progress bar.
            record: Loggers.
            save: Writes a checkpoint; called at the start, between steps as long as it costs at
                most 1 % of the time, and at the end.
            end_epoch: Gets the number of the ended epoch, returns a note.
            report: Receives progress.
            estimate: Times the first steps.

        Raises:
            StoppedBySignal: After SIGTERM or SIGUSR1, with a checkpoint written.
            Interrupted: The same after Ctrl-C. A request after the last step is left to the caller.
        """
        is_replicated = self.processes.world > 1 and not is_sharded(self.model)
        wrapped = wrap_ddp(self.model) if is_replicated else self.model
        stream = interruptible(batches, self.processes.world)
        total = self.schedule.total_steps
        meter, guard = self.meter, self.guard or NanGuard(self.processes)

        def save_if_finite() -> None:
            with meter.pause():
                self._require_finite(guard)
                guard.require_finite_weights(self.model, self.step)
                save()

        saver = Saver(save_if_finite, lambda: self.step, self.train.checkpoint_minutes * 60.0)
        saver.save()
        cadence = CollectiveInterval(self.processes, self.step)
        with (
            stop_requests() as request,
            self._stopping(request, saver),
            report.task(title, total, done=self.step) as task,
        ):
            stops, interrupted = cadence.any_rank(self.step, *request.flags)
            if stops and self.step < total:
                self.processes.wait()
                raise self._stopped(request, interrupted, "with a checkpoint written")
            while self.step < total:
                logged = (self.step + 1) % self.train.log_every == 0 or self.step + 1 == total
                with estimate.step() if estimate else nullcontext():
                    made = self._step(wrapped, stream, micro_batches, loss_of, logged, guard)
                meter.add(made)
                self.step += 1
                epoch, index = divmod(self.step, self.steps_per_epoch)
                if logged:
                    self._require_finite(guard)
                    numbers = meter.numbers(self.processes)
                    if record is not None:
                        record.write("train", self.step, numbers)
                note = meter.note(epoch + bool(index), self.train.epochs)
                if index == 0 and end_epoch is not None:
                    self._is_between_steps = False  # the epoch ends with its validation
                    with meter.pause(), estimate.epoch_end() if estimate else nullcontext():
                        self._require_finite(guard)
                        note = f"{note}  {end_epoch(epoch)}"
                    self._is_between_steps = True
                task.advance(1, note)
                if estimate is not None and estimate.is_due() and self.step < total:
                    for line in estimate.lines(self.step, validates=end_epoch is not None):
                        report.log(line)
                keep = self.train.save_every_epochs
                if index == 0 and keep and epoch % keep == 0:
                    saver.save()
                if not (logged or index == 0 or cadence.is_due(self.step)):
                    continue
                flags = (*request.flags, saver.is_due())
                stops, interrupted, is_due = cadence.any_rank(self.step, *flags)
                if stops and self.step < total:  # otherwise finishing is faster than a restart
                    saver.save()
                    self.processes.wait()  # torchrun ends the other ranks when one exits
                    raise self._stopped(request, interrupted, "with a checkpoint written")
                if is_due and self.step < total:
                    saver.save()
        saver.save()

    @contextmanager
    def _stopping(self, request: StopRequest, saver: Saver) -> Iterator[None]:
        """Stop a run without data after a request; a single rank still saves between steps."""
        try:
            yield
        except StopWaiting:
            self.optimizer.zero_grad(set_to_none=True)
            if self.processes.world == 1 and self._is_between_steps:
                saver.save()
            state = f"waiting for data; the last checkpoint is of step {saver.step}"
            error = self._stopped(request, request.signal == "SIGINT", state)
            if self.processes.world > 1:
                self.processes.failed(error)  # other ranks may be waiting for this one
            raise error from None

    def _stopped(self, request: StopRequest, interrupted: bool, state: str) -> StoppedBySignal:
        where = f"step {self.step} of {self.schedule.total_steps}"
        return request.error(where, state, is_ctrl_c=interrupted)

    def _step(
        self,
        model: nn.Module,
        stream: Any,
        micro_batches: int,
        loss_of: LossOf,
        logged: bool,
        guard: NanGuard,
    ) -> dict[str, Any]:
        model.train()
        torch.manual_seed(derive_seed(self.train.seed, self.step))
        rate = self.schedule.rate(self.step)
        set_learning_rate(self.optimizer, rate)
        began, waited = time.perf_counter(), 0.0
        share = self.train.batch_size // self.processes.world
        figures: dict[str, Tensor] = {}
        for index in range(micro_batches):
            asked = time.perf_counter()
            given = next(stream)
            waited += time.perf_counter() - asked
            weight = len(given) / share
            sync = gradient_sync(model, enabled=index == micro_batches - 1)
            with self.meter.clock.measure(), sync:
                self._is_between_steps = False
                batch = given.to(self.device)
                with autocast(self.device, self.precision):
                    made = loss_of(model, batch, self.step, logged)
                torch.autograd.backward(self.scaler.scale(made.loss.float() * weight))
                guard.note(self.step + 1, batch, made.loss, made.lengths)
            made.add_to(figures, weight)
        with self.meter.clock.measure():
            if self.modulation is not None:
                figures |= self.modulation.apply(self.model, figures, self.processes)
            limit = self.optim.grad_clip_norm
            norms = update_weights(self.model, self.optimizer, self.scaler, limit)
            guard.note_gradient(self.step + 1, norms["grad_norm"])
            if self.average is not None:
                self.average.update()
        self._is_between_steps = True
        return {"lr": rate, "began": began, "waited": waited, "figures": figures | norms}

    def _require_finite(self, guard: NanGuard) -> None:
        guard.require_finite(self.meter, self.step)
        guard.require_scale(self.scaler, self.step)
