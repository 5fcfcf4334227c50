"""Compilation, activation checkpointing and TF32, set up before training.

All changes are in place: names of tensors, checkpoints and DDP are unaffected.
"""

from collections.abc import Iterable

import torch
from torch import nn

from avme.config import TrainConfig
from avme.errors import SystemRequirementError
from avme.models.layers.blocks import Block


def set_up(model: nn.Module, train: TrainConfig, device: torch.device) -> None:
    """Apply the settings to the model; raises SystemRequirementError if nothing can compile.

    Args:
        model: Model to train.
        train: Settings of the training engine.
        device: Device of the model.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if train.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = (
            train.tf32
        )  # convolutions have a separate switch, on by default
    for part in model.modules():
        if isinstance(part, Block):
            part.recompute = train.activation_checkpointing
    if train.compile:
        compile_blocks(model, device)


def compile_blocks(model: nn.Module, device: torch.device) -> None:
    """Compile every transformer block of avme.

    Raises SystemRequirementError if nothing can compile.
    """
    compile_parts((part for part in model.modules() if isinstance(part, Block)), device)


def compile_parts(parts: Iterable[nn.Module], device: torch.device) -> None:
    """Compile each of the modules at its first call.

    Raises SystemRequirementError if nothing can compile.
    """
    require_compiler(device)
    for part in parts:
        part.compile()


def require_compiler(device: torch.device) -> None:
    """Compile a small function, the only way to check that torch finds a compiler.

    Raises SystemRequirementError with torch's first line otherwise.
    """
    try:
        torch.compile(torch.square)(torch.ones(2, device=device))
    except Exception as error:  # torch raises many types, some of them private
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise SystemRequirementError(
            f"train.compile: torch cannot compile for {device.type} here ({lines[0]}): it needs a "
            "C++ compiler (and Triton for GPUs); install one, or leave compiling out"
        ) from error
