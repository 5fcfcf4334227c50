"""Check by squeue whether an earlier job is still pending or running."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from avme.errors import SystemRequirementError, UsageError

_SECONDS: Final = 30.0
"""Time limit of squeue; a busy controller is slow."""
_OVER: Final = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "REVOKED",
        "TIMEOUT",
    }
)
"""Final states of a job; a preempted one may be requeued."""
_UNKNOWN_JOB: Final = "Invalid job id specified"


def require_no_job(record: Path, target: Path, environment: Mapping[str, str]) -> None:
    """Check that no job for `target` is pending or running.

    Args:
        record: File with the job id.
        target: Folder that the job writes.
        environment: Environment for squeue.

    Raises:
        UsageError: The job is not finished.
        SystemRequirementError: squeue does not respond.
    """
    if not record.is_file():
        return
    number, _, cluster = record.read_text(encoding="utf-8").strip().partition(";")
    if not number.isdigit():
        return
    states = _states(number, cluster, record, environment) - _OVER
    if states:
        raise UsageError(
            f"job {number} for {target} is {', '.join(sorted(states))}: wait until it is over, "
            f"end it with `scancel {number}`, or choose another folder with --out"
        )


def _states(number: str, cluster: str, record: Path, environment: Mapping[str, str]) -> set[str]:
    """Return the states of the job, or of all jobs of an array; empty if unknown to Slurm."""
    command = ["squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={number}"]
    try:
        done = subprocess.run(
            [*command, *([f"--clusters={cluster}"] if cluster else [])],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            env=dict(environment),
        )
    except FileNotFoundError:
        found = "squeue is not on this machine"
    except subprocess.TimeoutExpired:
        found = f"squeue gave no answer in {_SECONDS:.0f} s"
    else:
        if done.returncode == 0:
            return {line.strip() for line in done.stdout.splitlines() if ":" not in line} - {""}
        if _UNKNOWN_JOB in done.stderr:
            return set()
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        found = "; ".join(lines)[:200] or f"squeue ended with exit code {done.returncode}"
    raise SystemRequirementError(
        f"the state of job {number}, submitted earlier, is unknown ({found}): repeat, or delete "
        f"{record} if it is over"
    )
