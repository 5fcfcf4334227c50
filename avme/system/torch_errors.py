"""Errors of the system and of torch as SystemRequirementError: out of memory, out of disk space.

Each message names the fix, because the same command would fail again.
"""

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn

from avme.errors import AvmeError, SystemRequirementError
from avme.io.disk import FULL, free_bytes, readable

_LESS_MEMORY = (
    "fewer clips at a time (--set train.micro_batch_size=N, or --batch), "
    "train.activation_checkpointing=true, or a smaller model or window"
)
_CPU_MEMORY = re.compile(r"DefaultCPUAllocator|not enough memory|Cannot allocate memory", re.I)
_OS_ERROR = re.compile(r"os error (\d+)")


def machine_error(error: BaseException, folder: Path) -> SystemRequirementError | None:
    """Return a SystemRequirementError for `error`, raised while writing `folder`.

    None for other causes.
    """
    if isinstance(error, AvmeError):
        return None
    if isinstance(error, torch.OutOfMemoryError):
        return SystemRequirementError(f"the GPU is out of memory: {_LESS_MEMORY}")
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and _CPU_MEMORY.search(str(error))
    ):
        return SystemRequirementError(f"this machine is out of memory: {_LESS_MEMORY}")
    if isinstance(error, SafetensorError | OSError):
        system = system_error(error)
        if system is not None and (system.errno in FULL or system.filename is not None):
            return cannot_write(folder, system)
    return None


def require_memory(model: nn.Module) -> None:
    """Raise SystemRequirementError if a model, also on the meta device, exceeds the memory."""
    tensors = [*model.parameters(), *model.buffers()]
    needed = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise SystemRequirementError(
            f"the model of these settings takes {readable(needed)} in weights alone, this machine "
            f"has {readable(there)} of memory: choose a smaller one"
        )


def cannot_write(
    path: Path, error: OSError, num_bytes: int | None = None
) -> SystemRequirementError:
    """Return the error for a path that cannot be written.

    Args:
        path: File or folder.
        error: Cause.
        num_bytes: Size of the file.
    """
    named = error.filename if isinstance(error.filename, str) and num_bytes is None else path
    why = os.strerror(error.errno or errno.EIO)
    if error.errno not in FULL:
        return SystemRequirementError(
            f"{named} cannot be written or read ({why}): correct it and repeat"
        )
    needs = "" if num_bytes is None else f"it needs {readable(num_bytes)}, "
    free = readable(free_bytes(path.parent))
    return SystemRequirementError(
        f"{named} cannot be written ({why}): {needs}{free} are free there; what was complete "
        "stays: make room, then run the same command with --resume"
    )


def system_error(error: BaseException) -> OSError | None:
    """Return the OSError that `error` is, contains or follows from, if any."""
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno is not None:
            return each
        found = _OS_ERROR.search(str(each)) if isinstance(each, SafetensorError) else None
        if found:
            return OSError(int(found[1]), os.strerror(int(found[1])))
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
