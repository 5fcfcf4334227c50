"""A model cut over processes, each holding a share of every weight, gradient and optimiser state.

Every transformer block is gathered while it computes; all else is gathered at the start of a step
and stays until its backward pass has ended. Names and order of tensors stay, and whatever leaves
the process is whole, so that nobody who reads a checkpoint can tell.

Gathering needs all processes: a function that says so hangs where one of them does not call it.
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

from avme.models.blocks import Block


def shard(model: nn.Module, device: torch.device, precision: torch.dtype) -> None:
    """Cuts the model in place over all processes (FSDP2), beginning with the weights of the first;
    all must call it, before the optimiser is built.

    Under bfloat16 GPUs gather blocks in it and sum gradients in float32. CPUs gather float32:
    their layer norm takes no halved weights beside whole tokens.
    """
    for tensor in model.state_dict().values():
        dist.broadcast(tensor, src=0)
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    policy = block_policy(device, precision)
    for part in list(model.modules()):
        if isinstance(part, Block):
            fully_shard(part, mesh=mesh, mp_policy=policy, reshard_after_forward=True)
    fully_shard(model, mesh=mesh, reshard_after_forward=False)
    # It fears in-place operations on what a model returns; we have none.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)


def block_policy(device: torch.device, precision: torch.dtype) -> MixedPrecisionPolicy:
    """In which numbers a block is gathered; what it computes in is autocast's business."""
    if device.type == "cpu" or precision == torch.float32:
        return MixedPrecisionPolicy()
    return MixedPrecisionPolicy(
        param_dtype=precision, reduce_dtype=torch.float32, cast_forward_inputs=False
    )


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard` cut it."""
    return isinstance(model, FSDPModule)


@contextmanager
def unsharded(model: nn.Module) -> Iterator[None]:
    """Inside, every process calls the model as often as it likes, or not at all; all must enter.

    Holds all weights at once, and is nothing for a model that is not cut.
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
    """Blocks that were gathered in bfloat16 cannot be called without it."""
    numbers = {parameter.dtype for parameter in model.parameters()}
    if numbers == {torch.float32}:
        return nullcontext()
    device = next(model.parameters()).device
    return torch.autocast(device.type, next(iter(numbers - {torch.float32})))


def part_here(tensor: Tensor) -> Tensor:
    """The share of this process, in the same memory; a tensor that is not cut is its own."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole_lengths(lengths: Tensor) -> Tensor:
    """Lengths of cut tensors from those of the shares that lie here; all must call it."""
    squares = lengths.double().square()  # in single precision they might be infinite
    dist.all_reduce(squares)
    return squares.sqrt().to(lengths.dtype)


def whole(state: Any) -> Any:
    """A state_dict of a model or an optimiser with every cut tensor whole, on the CPU of the first
    process and empty in the others; all must call it. What is not cut stays as it is."""
    if isinstance(state, Mapping):
        return {key: whole(value) for key, value in state.items()}
    if not isinstance(state, DTensor):
        return state
    gathered = state.full_tensor()
    return gathered.cpu() if dist.get_rank() == 0 else gathered.new_empty(0)


def load_model(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Loads whole tensors, which every process has, into a model that is cut or not."""
    own = model.state_dict()
    model.load_state_dict({name: cut_as(tensor, own.get(name)) for name, tensor in state.items()})


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """The same for an optimiser, whose states have the shapes of their parameters."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    cut = {
        index: {name: cut_as(tensor, parameters[index]) for name, tensor in one.items()}
        for index, one in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": cut})


def cut_as(tensor: Tensor, like: Tensor | None) -> Tensor:
    """Cut a whole tensor as `like` is cut, if it is and has the same shape."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:
        return tensor  # as a count of steps, or one of a wrong shape, which loading will name
    mesh, placements = like.device_mesh, like.placements
    return distribute_tensor(tensor.to(like.device), mesh, placements, src_data_rank=None)
