"""Exponential moving average of a model's weights (`train.ema_decay`).

Floating-point entries of the state, batch statistics included, are averaged in their own precision;
others are copied. For a sharded model every rank averages its own shard.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from avme.train.distributed.fsdp import distribute_like, full_state, local_shard


class ModelEma:
    """Average of a model's weights after each optimizer step."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.updates = 0
        self.tensors = {name: value.detach().clone() for name, value in self._state().items()}

    def update(self) -> None:
        """Include the current weights.

        The decay of update n, counted from 1, is min(decay, (1 + n) / (10 + n)), the warm-up of
        `tf.train.ExponentialMovingAverage`: without it, 1,000 updates at 0.9999 would leave 90 % of
        the initial weights in the average.
        """
        self.updates += 1
        share = 1.0 - min(self.decay, (1.0 + self.updates) / (10.0 + self.updates))
        averaged: tuple[list[Tensor], list[Tensor]] = ([], [])
        with torch.no_grad():
            for name, value in self._state().items():
                mean, now = local_shard(self.tensors[name]), local_shard(value)
                if mean.is_floating_point():
                    averaged[0].append(mean)
                    averaged[1].append(now)
                else:
                    mean.copy_(now)
            torch._foreach_lerp_(averaged[0], averaged[1], share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Swap in the averaged weights inside the block; the model's own return unchanged.

        Of a sharded model the shards are swapped: enter before weights are gathered.
        """
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def state(self) -> dict[str, Any]:
        """Return full tensors and the number of updates; all ranks must call it."""
        return {"updates": self.updates, "tensors": full_state(self.tensors)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Load a result of `state`."""
        self.updates = state["updates"]
        with torch.no_grad():
            for name, value in state["tensors"].items():
                own = self.tensors[name]
                local_shard(own).copy_(local_shard(distribute_like(value, own)))

    def _state(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.model.state_dict()
        return state

    def _exchange(self) -> None:
        with torch.no_grad():
            for name, value in self._state().items():
                mean, now = local_shard(self.tensors[name]), local_shard(value)
                before = now.clone()
                now.copy_(mean)
                mean.copy_(before)
