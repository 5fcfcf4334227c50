"""Shared memory for the batches of DataLoader workers, checked before they start.

torch passes batches between processes in /dev/shm, of which a container may have 64 MB.
"""

import os
from pathlib import Path

from avme.errors import SystemRequirementError
from avme.io.disk import readable

FOLDER = Path("/dev/shm")
PREFETCH = 4
"""Batches that each worker prepares ahead, if there is room."""
ADVICE = (
    "use --workers 0, fewer clips at a time (--set train.micro_batch_size=N), or more shared "
    "memory (docker run --shm-size=8g, or --ipc=host)"
)


def prefetch_factor(
    batch_bytes: int, workers: int, local_world_size: int = 1, free: int | None = None
) -> int:
    """Return the number of batches that each worker may prepare ahead: 1 to 4.

    Args:
        batch_bytes: Size of a batch.
        workers: Number of workers.
        local_world_size: Ranks on this machine, which share the memory.
        free: Free shared memory in bytes, by default measured.

    Raises:
        SystemRequirementError: One batch per worker, and one in use, do not fit.
    """
    free = free_shared_memory() if free is None else free
    if free is None:
        return PREFETCH
    for factor in range(PREFETCH, 0, -1):
        needed = (workers * factor + 1) * batch_bytes * local_world_size
        if needed <= free:
            return factor
    raise SystemRequirementError(
        f"{FOLDER} has {readable(free)} free, but --workers {workers} needs {readable(needed)}"
        f"{f' with {local_world_size} ranks' * (local_world_size > 1)} for batches of "
        f"{readable(batch_bytes)}: {ADVICE}"
    )


def free_shared_memory() -> int | None:
    """Return the free bytes of /dev/shm, or None on a system without it."""
    try:
        found = os.statvfs(FOLDER)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
