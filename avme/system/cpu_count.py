"""Number of cores available to this process: those of its job, not of the machine."""

import math
import os
from collections.abc import Mapping
from typing import Final

from avme.system.cgroup import cpu_quota

TASKS_ARE_RANKS: Final = "AVME_SRUN"
"""Environment variable that is set if the tasks of a Slurm step are the ranks of a run."""
_SPECIAL_STEPS: Final = 4_294_967_290
"""First step number of batch scripts and interactive shells in Slurm."""
_THREADS: Final = "OMP_NUM_THREADS"
_OWN_THREADS: Final = "AVME_THREADS"
"""Environment variable with the value that `limit_threads` set, to distinguish it from a user's."""


def available_cores(processes: int = 1) -> int:
    """Return the cores for each of `processes` equal processes on this machine, at least 1.

    The minimum of the affinity mask, the quota of the control groups (rounded up) and the Slurm
    allocation: the cores of a task in a step of `srun`, those of the job on this machine in its
    script.
    """
    mask, quota = _mask(), cpu_quota()
    limit = mask if quota is None else min(mask, math.ceil(quota))
    task = _slurm("SLURM_CPUS_PER_TASK")
    job = _slurm("SLURM_CPUS_ON_NODE") or task
    if TASKS_ARE_RANKS in os.environ:
        share = task or (job or limit) // processes
        if limit < mask:  # a quota is shared, whereas Slurm may bind each task to its cores
            share = min(share, limit // processes)
        return max(1, min(mask, share))
    given = task if is_in_step(os.environ) else job
    return max(1, min(limit, given or limit) // processes)


def is_in_step(slurm: Mapping[str, str]) -> bool:
    """Return True in a task of `srun`, not in a batch script or a shell of `salloc`."""
    step = slurm.get("SLURM_STEP_ID", "")
    return step.isdigit() and int(step) < _SPECIAL_STEPS


def limit_threads(processes: int = 1) -> None:
    """Limit torch's threads to the available cores. Call before torch is imported.

    Nothing changes if the user set OMP_NUM_THREADS, or if one process has all cores of its affinity
    mask, which OpenMP respects itself.
    """
    if os.environ.get(_THREADS) != os.environ.get(_OWN_THREADS):
        return
    cores = available_cores(processes)
    if processes > 1 or cores < _mask():
        os.environ[_THREADS] = os.environ[_OWN_THREADS] = str(cores)


def _mask() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _slurm(name: str) -> int | None:
    """Return a positive number that Slurm set for this job; None outside a job."""
    text = os.environ.get(name, "") if "SLURM_JOB_ID" in os.environ else ""
    return int(text) if text.isdigit() and int(text) > 0 else None
