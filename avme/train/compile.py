"""How a model computes, decided before it trains: compiled, computed twice, or in TF32.

All of it happens in place: names of tensors, checkpoints and DDP stay as they are.
"""

from collections.abc import Iterable

import torch
from torch import nn

from avme.config import TrainConfig
from avme.errors import MachineError
from avme.models.blocks import Block


def set_up(model: nn.Module, train: TrainConfig, device: torch.device) -> None:
    """What the settings say of it; raises MachineError where nothing can compile."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if train.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = train.tf32  # convolutions have a switch of their own, on
    for part in model.modules():
        if isinstance(part, Block):
            part.recompute = train.checkpointing
    if train.compile:
        compile_blocks(model, device)


def compile_blocks(model: nn.Module, device: torch.device) -> None:
    """Compiles every transformer block of ours; raises MachineError where nothing can compile."""
    compile_parts((part for part in model.modules() if isinstance(part, Block)), device)


def compile_parts(parts: Iterable[nn.Module], device: torch.device) -> None:
    """Compiles each of the modules at its first call.

    Raises MachineError where nothing can compile.
    """
    require_compiler(device)
    for part in parts:
        part.compile()


def require_compiler(device: torch.device) -> None:
    """Compiles something small: only that tells whether torch finds what it needs.

    Raises MachineError with torch's first line if it does not.
    """
    try:
        torch.compile(torch.square)(torch.ones(2, device=device))
    except Exception as error:  # torch raises what it likes, and private types of it
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise MachineError(
            f"train.compile: torch cannot compile for {device.type} here ({lines[0]}): it needs a "
            "C++ compiler (and Triton for GPUs); install one, or leave compiling out"
        ) from error
