"""What is logged of the steps since the last line: losses, rates and where the time went."""

import time
from typing import Any

import torch
from torch import Tensor

from avme.train.processes import Processes


class Meter:
    """Sums since the last line; reads tensors, which waits for the device, only for a line."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.last: dict[str, float] = {}
        self._clear()

    def _clear(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.steps, self.waited, self.began, self.lr = 0, 0.0, time.perf_counter(), 0.0

    def state(self, processes: Processes) -> dict[str, Any]:
        """Sums and counts for a checkpoint, so that a line is the same after it; all must call it.

        Times are not in it: they are those of the process that measures them.
        """
        sums = {name: processes.mean(self.sums[name]).detach().cpu() for name in sorted(self.sums)}
        return {"sums": sums, "counts": dict(self.counts)}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on with the sums of a checkpoint."""
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])

    def add(self, made: dict[str, Any]) -> None:
        """Counts one step."""
        if not self.steps:
            self.began = made["began"]
        for name, value in made["figures"].items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.steps += 1
        self.waited += made["waited"]
        self.lr = made["lr"]

    def loss_so_far(self, processes: Processes) -> float:
        """The sum of losses since the last line, over all processes; all must call it."""
        if "loss" not in self.sums:
            return 0.0
        return float(processes.mean(self.sums["loss"].float()))

    def numbers(self, processes: Processes, device: torch.device) -> dict[str, float]:
        """The means since the last call, over all processes; all must call it."""
        names = sorted(self.sums)
        means = torch.stack([self.sums[name].float() / self.counts[name] for name in names])
        values = processes.mean(means).tolist()  # waits for the device
        seconds = time.perf_counter() - self.began
        self.last = {
            **dict(zip(names, values, strict=True)),
            "lr": self.lr,
            "clips_per_second": self.batch * self.steps / seconds,
            "step_ms": 1000.0 * seconds / self.steps,
            "data_wait_ms": 1000.0 * self.waited / self.steps,
            "memory_mb": _memory_mb(device),
        }
        self._clear()
        return self.last

    def note(self, epoch: int, epochs: int) -> str:
        """What stands beside the progress bar."""
        words = [f"epoch {epoch}/{epochs}"]
        if self.last:
            words.append(f"loss {self.last['loss']:.4f}")
            words.append(f"{self.last['clips_per_second']:.1f} clips/s")
        return "  ".join(words)


def _memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
