"""Shared memory for the batches of loader processes, measured before they start.

torch hands a batch from a process to another in /dev/shm, of which a container may have 64 MB.
"""

import os
from pathlib import Path

from avme.errors import MachineError
from avme.io.disk import readable

FOLDER = Path("/dev/shm")
PREFETCH = 4
"""Batches that each process prepares ahead, where there is room for them."""
ADVICE = (
    "use --workers 0, fewer clips at a time (--set train.micro_batch_size=N), or more shared "
    "memory (docker run --shm-size=8g, or --ipc=host)"
)


def prefetch_factor(
    batch_bytes: int, workers: int, local_world: int = 1, free: int | None = None
) -> int:
    """Return how many batches each of `workers` processes may prepare ahead: 1 to 4.

    `free` is the shared memory in bytes, by default what is free now; `local_world` ranks of this
    machine share it. Raises MachineError where one batch for each process, and one in use, do not
    fit.
    """
    free = free_shared_memory() if free is None else free
    if free is None:
        return PREFETCH
    for factor in range(PREFETCH, 0, -1):
        needed = (workers * factor + 1) * batch_bytes * local_world
        if needed <= free:
            return factor
    raise MachineError(
        f"{FOLDER} has {readable(free)} free, but --workers {workers} needs {readable(needed)}"
        f"{f' with {local_world} ranks' * (local_world > 1)} for batches of "
        f"{readable(batch_bytes)}: {ADVICE}"
    )


def free_shared_memory() -> int | None:
    """Return the free bytes of /dev/shm, or None on a system without it."""
    try:
        found = os.statvfs(FOLDER)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
