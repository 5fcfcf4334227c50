"""The one training loop: batches in, a trained model and checkpoints out.

Everything random about a step follows from (seed, step) and from its clips, so that a run that was
killed goes on exactly as if it had not been, on as many processes as it then gets. Stages differ by
the loss of a batch and by what they do at the end of an epoch.
"""

import inspect
import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from avme.batch import AVBatch
from avme.config import OptimConfig, TrainConfig
from avme.data.order import seed_of
from avme.errors import AvmeError, Stopped
from avme.report import Reporter
from avme.train.checkpoint import Checkpoint
from avme.train.meter import Meter
from avme.train.optimizer import build_optimizer
from avme.train.processes import Processes
from avme.train.record import Record
from avme.train.schedule import Schedule
from avme.train.signals import stop_requests

_SAVING_SHARE = 0.01
_LEAVE_BUFFERS: dict[str, Any] = (  # batch statistics are those of the global batch already
    {"forward_sync_buffers": False}
    if "forward_sync_buffers" in inspect.signature(DistributedDataParallel.__init__).parameters
    else {"broadcast_buffers": False}  # torch before 2.14
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLoss:
    """The loss of one micro-batch and figures to log beside it."""

    loss: Tensor
    figures: dict[str, Tensor] = field(default_factory=dict)


LossOf = Callable[[nn.Module, AVBatch, int, bool], BatchLoss]
"""(model, batch, step, whether this step is logged) -> loss."""


@dataclass(slots=True, kw_only=True)
class Trainer:
    """A model in training, with all that a checkpoint must hold of it."""

    model: nn.Module
    optim: OptimConfig
    train: TrainConfig
    schedule: Schedule
    depth: int
    device: torch.device
    precision: torch.dtype
    processes: Processes
    steps_per_epoch: int
    optimizer: torch.optim.Optimizer = field(init=False)
    meter: Meter = field(init=False)
    step: int = 0

    def __post_init__(self) -> None:
        self.model.to(self.device)
        self.optimizer = build_optimizer(self.model, self.optim, self.depth)
        self.meter = Meter(self.train.batch)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back to where a checkpoint was written."""
        self.model.load_state_dict(checkpoint.model)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.meter.restore(checkpoint.meter)
        self.step = checkpoint.step

    def fit(
        self,
        batches: Iterable[AVBatch],
        micro_batches: int,
        loss_of: LossOf,
        *,
        title: str,
        record: Record | None,
        save: Callable[[], None],
        end_epoch: Callable[[int], str] | None,
        report: Reporter,
    ) -> None:
        """Steps from `self.step` to the end of the schedule.

        `save` is called at the start, between steps as long as it costs at most 1 % of the time,
        and at the end; `end_epoch` gets the number of the epoch that ended and returns a note.
        Raises Stopped after SIGTERM or SIGUSR1, with a checkpoint written.
        """
        wrapped = self._wrapped()
        stream = iter(batches)
        total = self.schedule.total_steps
        meter = self.meter

        def save_if_sound() -> None:
            self._require_finite(meter)
            save()

        saver = _Saver(save_if_sound, self.train.checkpoint_minutes * 60.0)
        saver.save()
        with stop_requests() as request, report.task(title, total, done=self.step) as task:
            while self.step < total:
                logged = (self.step + 1) % self.train.log_every == 0 or self.step + 1 == total
                meter.add(self._step(wrapped, stream, micro_batches, loss_of, logged))
                self.step += 1
                epoch, place = divmod(self.step, self.steps_per_epoch)
                note = meter.note(epoch + bool(place), self.train.epochs)
                if logged:
                    self._log(meter, record)
                if place == 0 and end_epoch is not None:
                    self._require_finite(meter)
                    note = f"{note}  {end_epoch(epoch)}"
                task.advance(1, note)
                keep = self.train.keep_every
                if place == 0 and keep and epoch % keep == 0:
                    saver.save()
                if self.processes.world > 1 and not logged:
                    continue  # siblings agree only now and then: it makes the device wait
                if self.processes.any(request.signal is not None):
                    saver.save()
                    self.processes.wait()  # torchrun ends the others when one leaves
                    raise Stopped(
                        f"stopped at step {self.step} of {total} by {request.signal or 'a sibling'}"
                        " with a checkpoint written: run the same command with --resume"
                    )
                if self.step < total and self.processes.any(saver.is_due()):
                    saver.save()
        saver.save()

    def _wrapped(self) -> nn.Module:
        if self.processes.world == 1:
            return self.model
        return DistributedDataParallel(
            self.model,
            device_ids=[self.device.index] if self.device.type == "cuda" else None,
            **_LEAVE_BUFFERS,
        )

    def _step(
        self,
        model: nn.Module,
        stream: Any,
        micro_batches: int,
        loss_of: LossOf,
        logged: bool,
    ) -> dict[str, Any]:
        model.train()
        torch.manual_seed(seed_of(self.train.seed, self.step))
        rate = self.schedule.rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        began, waited = time.perf_counter(), 0.0
        share = self.train.batch // self.processes.world
        figures: dict[str, Tensor] = {}
        for index in range(micro_batches):
            asked = time.perf_counter()
            batch = next(stream).to(self.device)
            waited += time.perf_counter() - asked
            weight = len(batch) / share
            last = index == micro_batches - 1
            whole = last or not isinstance(model, DistributedDataParallel)
            quiet = nullcontext() if whole else cast(DistributedDataParallel, model).no_sync()
            with quiet:
                with torch.autocast(
                    self.device.type, self.precision, enabled=self.precision != torch.float32
                ):
                    made = loss_of(model, batch, self.step, logged)
                torch.autograd.backward(made.loss * weight)
            for name, value in {"loss": made.loss, **made.figures}.items():
                figures[name] = figures.get(name, 0.0) + value.detach() * weight
        if self.optim.clip_grad is not None:
            figures["grad_norm"] = nn.utils.clip_grad_norm_(
                self.model.parameters(), self.optim.clip_grad
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return {"lr": rate, "began": began, "waited": waited, "figures": figures}

    def _require_finite(self, meter: Meter) -> None:
        loss = meter.loss_so_far(self.processes)
        if not math.isfinite(loss):
            raise AvmeError(
                f"the loss became {loss} by step {self.step}, expected a finite number: lower "
                "optim.lr, set optim.clip_grad, or use --precision fp32; the last checkpoint is "
                "from before"
            )

    def _log(self, meter: Meter, record: Record | None) -> None:
        self._require_finite(meter)
        numbers = meter.numbers(self.processes, self.device)
        if record is not None:
            record.write("train", self.step, numbers)


class _Saver:
    """Saves often where it is cheap and seldom where it is not."""

    def __init__(self, save: Callable[[], None], longest_seconds: float) -> None:
        self._save, self.longest = save, longest_seconds
        self.cost = self.at = 0.0

    def save(self) -> None:
        began = time.monotonic()
        self._save()
        self.at = time.monotonic()
        self.cost = self.at - began

    def is_due(self) -> bool:
        return time.monotonic() - self.at > min(self.longest, self.cost / _SAVING_SHARE)
