"""Whether a job that was submitted earlier still waits or runs, as squeue tells."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from avme.errors import MachineError, UsageError

_SECONDS: Final = 30.0
"""How long squeue may take; a busy controller answers late."""
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
"""States from which no job comes back; a preempted one may."""
_UNKNOWN_JOB: Final = "Invalid job id specified"


def require_no_job(record: Path, target: Path, environment: Mapping[str, str]) -> None:
    """Raise UsageError where the job that the file `record` names, which writes `target`, is not
    over, and MachineError where squeue does not tell.
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
    """The states of the job, of all jobs of an array; empty where Slurm has forgotten it."""
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
    raise MachineError(
        f"whether job {number}, submitted earlier, is over cannot be told ({found}): repeat, or "
        f"delete {record} if it is"
    )
