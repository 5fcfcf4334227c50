"""DistributedDataParallel: when gradients are averaged, and which tensors are exchanged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from avme.train.distributed.ddp import gradient_sync, wrap_ddp


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """Join a group of this process alone."""
    dist.init_process_group("gloo", f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def counted(model: DistributedDataParallel) -> list[int]:
    """Count the averaged buckets of gradients from now on."""
    reduced: list[int] = []

    def unchanged(bucket: Any) -> torch.futures.Future[torch.Tensor]:
        reduced.append(bucket.buffer().numel())
        done: torch.futures.Future[torch.Tensor] = torch.futures.Future()
        done.set_result(bucket.buffer())
        return done

    model.register_comm_hook(None, lambda _, bucket: unchanged(bucket))
    return reduced


@pytest.mark.usefixtures("group")
def test_gradient_sync_averages_only_at_the_last_micro_batch() -> None:
    model = wrap_ddp(nn.Linear(3, 1, bias=False))
    reduced, data = counted(model), torch.arange(6.0).reshape(2, 3)

    for row, enabled in ((data[:1], False), (data[1:], True)):
        with gradient_sync(model, enabled=enabled):
            model(row).sum().backward()
        assert len(reduced) == enabled

    gradient = next(model.parameters()).grad
    assert gradient is not None
    torch.testing.assert_close(gradient, data.sum(dim=0, keepdim=True))


@pytest.mark.usefixtures("group")
def test_wrap_ddp_of_batch_norm_exchanges_no_buffers() -> None:
    usual: Any = DistributedDataParallel(nn.BatchNorm1d(2))
    ours: Any = wrap_ddp(nn.BatchNorm1d(2))

    assert usual.will_sync_module_buffers()
    assert not ours.will_sync_module_buffers()


def test_gradient_sync_of_an_unwrapped_model_changes_nothing() -> None:
    model = nn.Linear(3, 1)

    with gradient_sync(model, enabled=False):
        model(torch.ones(1, 3)).sum().backward()

    torch.testing.assert_close(model.weight.grad, torch.ones(1, 3))
