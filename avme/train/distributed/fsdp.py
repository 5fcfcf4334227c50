"""FSDP2: a model sharded over ranks, with its gradients and optimizer state.

Every transformer block is gathered while it computes; other parameters are gathered at the start of
a step until their backward pass has ended. Names and order of tensors are unchanged, and
checkpoints contain full tensors.

Gathering needs all ranks: functions that say so block if one rank does not call them.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from avme.models.layers.blocks import Block


def shard(model: nn.Module, device: torch.device, precision: torch.dtype) -> None:
    """Shard the model in place over all ranks (FSDP2), starting with rank 0's weights.

    All ranks must call it, before the optimizer is built. With bfloat16, GPUs gather blocks in it
    and sum gradients in float32. CPUs gather float32: their layer norm does not mix precisions.

    Args:
        model: Model to shard.
        device: Device of the model.
        precision: Dtype of autocast.
    """
    for tensor in model.state_dict().values():
        dist.broadcast(tensor, src=0)
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    policy = block_policy(device, precision)
    for part in list(model.modules()):
        if isinstance(part, Block):
            fully_shard(part, mesh=mesh, mp_policy=policy, reshard_after_forward=True)
    fully_shard(model, mesh=mesh, reshard_after_forward=False)
    # It is unsafe with in-place operations on a model's output, which avme does not use.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)


def block_policy(device: torch.device, precision: torch.dtype) -> MixedPrecisionPolicy:
    """Return the dtype in which blocks are gathered; autocast decides that of computation."""
    if device.type == "cpu" or precision == torch.float32:
        return MixedPrecisionPolicy()
    return MixedPrecisionPolicy(
        param_dtype=precision, reduce_dtype=torch.float32, cast_forward_inputs=False
    )


def is_sharded(model: nn.Module) -> bool:
    """Return True for a sharded model."""
    return isinstance(model, FSDPModule)


@contextmanager
def unsharded(model: nn.Module) -> Iterator[None]:
    """Gather all weights inside the block, so that each rank may call the model any number of
    times.

    All ranks must enter. Does nothing for a model that is not sharded.
    """
    if not isinstance(model, FSDPModule):
        yield
        return
    parts = [part for part in model.modules() if isinstance(part, FSDPModule)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        with _under_autocast(model):
            yield
    finally:
        for part in parts:
            part.reshard()
            part.set_reshard_after_forward(part is not model, recurse=False)


def _under_autocast(model: nn.Module) -> Any:
    """Enter autocast: blocks gathered in bfloat16 cannot be called without it."""
    numbers = {parameter.dtype for parameter in model.parameters()}
    if numbers == {torch.float32}:
        return nullcontext()
    device = next(model.parameters()).device
    return torch.autocast(device.type, next(iter(numbers - {torch.float32})))


def local_shard(tensor: Tensor) -> Tensor:
    """Return the local shard, sharing memory; for an unsharded tensor itself."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def global_norms(lengths: Tensor) -> Tensor:
    """Return global norms from those of the local shards; all ranks must call it."""
    squares = lengths.double().square()  # might overflow in single precision
    dist.all_reduce(squares)
    return squares.sqrt().to(lengths.dtype)


def full_state(state: Any) -> Any:
    """Gather a state_dict of a model or an optimizer to the CPU of rank 0; empty on other ranks.

    All ranks must call it. Unsharded values are unchanged.
    """
    if isinstance(state, Mapping):
        return {key: full_state(value) for key, value in state.items()}
    if not isinstance(state, DTensor):
        return state
    gathered = state.full_tensor()
    return gathered.cpu() if dist.get_rank() == 0 else gathered.new_empty(0)


def load_model(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load full tensors, present on every rank, into a model, sharded or not."""
    own = model.state_dict()
    model.load_state_dict(
        {name: distribute_like(tensor, own.get(name)) for name, tensor in state.items()}
    )


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Load full tensors into an optimizer, whose states have the shapes of their parameters."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    cut = {
        index: {name: distribute_like(tensor, parameters[index]) for name, tensor in one.items()}
        for index, one in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": cut})


def distribute_like(tensor: Tensor, like: Tensor | None) -> Tensor:
    """Shard a full tensor as `like`, if that is sharded and has the same shape."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:
        return tensor  # as for a step count, or a wrong shape, which loading reports
    mesh, placements = like.device_mesh, like.placements
    return distribute_tensor(tensor.to(like.device), mesh, placements, src_data_rank=None)
