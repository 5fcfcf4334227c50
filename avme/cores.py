"""How many cores this process may use: not those of the machine, but what its job was given."""

import os


def available_cores() -> int:
    """Cores of the process's affinity mask, which Slurm and containers set; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
