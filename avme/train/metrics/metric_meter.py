"""Meter of the steps since the last log line: losses, rates and times.

Losses and norms are means over steps and ranks. Times are those of the slowest rank, for which the
others wait.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from avme.train.distributed.process_group import Distributed
from avme.train.metrics.device_timer import DeviceTimer

MEASURED = ("clips_per_second", "step_ms", "data_wait_ms", "device_ms", "memory_mb", "mfu")
"""Measured values, which differ from run to run; all others follow from settings and data."""


class MetricMeter:
    """Sums since the last line; tensors are read, which waits for the device, only for a line."""

    def __init__(self, batch: int, device: torch.device) -> None:
        self.batch = batch
        self.clock = DeviceTimer(device)
        self.max_clips_per_second: float | None = None
        """Clips per second of the devices at their peak, if known."""
        self.last: dict[str, float] = {}
        self._clear()

    def _clear(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.steps, self.waited, self.lr = 0, 0.0, 0.0
        self.began, self._aside = time.perf_counter(), 0.0

    def state(self, processes: Distributed) -> dict[str, Any]:
        """Return sums and counts for a checkpoint; all ranks must call it.

        With them the next line after a resume is the same. Times are left out: they belong to the
        process that measures them.
        """
        sums = {name: processes.mean(self.sums[name]).detach().cpu() for name in sorted(self.sums)}
        return {"sums": sums, "counts": dict(self.counts)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with the sums of a checkpoint."""
        device = self.clock.device
        self.sums = {name: value.to(device) for name, value in state["sums"].items()}
        self.counts = dict(state["counts"])

    def add(self, made: dict[str, Any]) -> None:
        """Add one step."""
        if not self.steps:
            self.began, self._aside = made["began"], 0.0
        for name, value in made["figures"].items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.steps += 1
        self.waited += made["waited"]
        self.lr = made["lr"]

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Exclude the block, such as saving and validation, from the step time."""
        self.clock.wait()
        began = time.perf_counter()
        yield
        self._aside += time.perf_counter() - began

    def sum_so_far(self, names: tuple[str, ...], processes: Distributed) -> float:
        """Return the sum of these values since the last line, over all ranks; all must call it."""
        sums = [self.sums[name].float() for name in names if name in self.sums]
        if not sums:
            return 0.0
        return float(processes.mean(torch.stack(sums).sum()))

    def numbers(self, processes: Distributed) -> dict[str, float]:
        """Return the means since the last call, over all ranks; all must call it."""
        self.clock.wait()
        seconds = time.perf_counter() - self.began - self._aside
        names = sorted(self.sums)
        means = torch.stack([self.sums[name].float() / self.counts[name] for name in names])
        own = [1000.0 * self.waited, self.clock.pop_ms(), _memory_mb(self.clock.device)]
        values, others = _shared(means, own, processes)
        waited_ms, device_ms, memory_mb = (max(column) for column in zip(*others, strict=True))
        rate = self.batch * self.steps / seconds
        self.last = {
            **dict(zip(names, values, strict=True)),
            "lr": self.lr,
            "clips_per_second": rate,
            "step_ms": 1000.0 * seconds / self.steps,
            "data_wait_ms": waited_ms / self.steps,
            "device_ms": device_ms / self.steps,
            "memory_mb": memory_mb,
        }
        if self.max_clips_per_second is not None:
            self.last["mfu"] = rate / self.max_clips_per_second
        self._clear()
        return self.last

    def note(self, epoch: int, epochs: int) -> str:
        """Return the text beside the progress bar."""
        words = [f"epoch {epoch}/{epochs}"]
        if self.last:
            words.append(f"loss {self.last['loss']:.4f}")
            words.append(f"{self.last['clips_per_second']:.1f} clips/s")
        return "  ".join(words)


def _shared(
    means: Tensor, own: list[float], processes: Distributed
) -> tuple[list[float], list[list[float]]]:
    """Return the mean over ranks of `means`, and `own` of every rank, by one collective call."""
    table = means.new_zeros(processes.world, len(own))
    table[processes.rank] = torch.tensor(own)
    values = processes.mean(torch.cat([means, table.flatten()])).cpu()
    rows: list[list[float]] = (processes.world * values[len(means) :]).view_as(table.cpu()).tolist()
    return values[: len(means)].tolist(), rows


def _memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
