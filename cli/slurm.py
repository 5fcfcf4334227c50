"""`--slurm`: this very command as an array of Slurm jobs, submitted with submitit."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from avme.errors import MachineError
from avme.report import Reporter

if TYPE_CHECKING:
    from avme.config.slurm import SlurmConfig

LOGS: Final = ".slurm"
"""Folder for what the jobs print."""
_FLAG: Final = "--slurm"


def submit_parts(settings: "SlurmConfig", *, logs: Path, report: Reporter) -> list[str]:
    """Submits this command once for every `--part i/N`; returns the ids of the jobs.

    Raises MachineError where submitit or Slurm is missing, or Slurm refuses.
    """
    try:
        import submitit
        from submitit.helpers import CommandFunction
    except ImportError as error:
        raise MachineError(
            f"--slurm needs submitit ({error}): install it with `pip install 'avme[slurm]'`"
        ) from error
    logs.mkdir(parents=True, exist_ok=True)
    try:
        executor = submitit.AutoExecutor(folder=logs.absolute() / "%j", cluster=settings.cluster)
        executor.update_parameters(**_parameters(settings))
        with executor.batch():
            jobs = [
                executor.submit(CommandFunction(part, verbose=False))
                for part in part_commands(sys.argv[1:], settings.jobs)
            ]
    except (RuntimeError, OSError, submitit.core.utils.FailedJobError) as error:
        raise MachineError(f"the jobs cannot be submitted: {error}") from error
    ids = [str(job.job_id) for job in jobs]
    report.say(f"{len(ids)} jobs submitted ({ids[0]} to {ids[-1]}); they print to {logs}")
    report.say("the one that ends last finishes the set; submitted again, the rest is done")
    return ids


def part_commands(arguments: Sequence[str], count: int) -> list[list[str]]:
    """The command line of every part of a command that was given `--slurm`."""
    kept = [argument for argument in arguments if argument != _FLAG]
    program = [sys.executable, "-m", "avme_cli"]
    return [[*program, *kept, "--part", f"{index}/{count}"] for index in range(1, count + 1)]


def _parameters(settings: "SlurmConfig") -> dict[str, Any]:
    common: dict[str, Any] = {
        "name": "avme",
        "timeout_min": settings.minutes,
        "cpus_per_task": settings.cpus,
        "mem_gb": settings.memory_gb,
        "nodes": 1,
        "tasks_per_node": 1,
    }
    special = {
        "slurm_partition": settings.partition,
        "slurm_account": settings.account,
        "slurm_array_parallelism": settings.at_once,
    }
    return common | {key: value for key, value in special.items() if value is not None}
