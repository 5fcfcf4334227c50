"""`avme prep --slurm`: the command as a job array, one job per `--part i/N`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avme.progress import Reporter

from .sbatch import FLAG, Batch, submit

if TYPE_CHECKING:
    from avme.config.prep import PrepConfig

_SIGNAL: Final = "TERM@60"
"""Signal that ends the command; the script then has time to requeue the job."""


def submit_parts(config: "PrepConfig", *, target: Path, command: str, report: Reporter) -> str:
    """Submit this command once per partition; return the array's job id.

    Args:
        config: Settings of prep.
        target: Folder of the dataset.
        command: Name of the command.
        report: Receives messages.

    Raises:
        UsageError: The dataset already has a job.
        SystemRequirementError: sbatch is missing or refuses.
    """
    batch = parts_batch(config, target=target, command=command)
    number = submit(batch, report)
    jobs = config.slurm.jobs
    report.log(
        f"{jobs} jobs submitted ({number}_1 to {number}_{jobs}, {batch.script_path}); they print "
        f"to {batch.log(f'{number}_*')}"
    )
    report.log("the last one to end publishes the set; submit again to build what is missing")
    return number


def parts_batch(config: "PrepConfig", *, target: Path, command: str) -> Batch:
    """Return the array; each job has one worker per core unless the command sets a number.

    Args:
        config: Settings of prep.
        target: Folder of the dataset.
        command: Name of the command.
    """
    from avme.io.filenames import SHARDS

    settings = config.slurm
    workers = "" if config.num_workers else f" --workers {settings.cpus}"
    limit = f"%{settings.array_parallelism}" if settings.array_parallelism else ""
    return Batch(
        target=target,
        settings=settings,
        options={
            "job-name": f"prep-{target.name}",
            "array": f"1-{settings.jobs}{limit}",
            "nodes": 1,
            "ntasks-per-node": 1,
        },
        signal=_SIGNAL,
        results=SHARDS,
        begin=f'begin=(--part "$SLURM_ARRAY_TASK_ID/{settings.jobs}"{workers})',
        command=command,
        arguments=[argument for argument in sys.argv[1:] if argument != FLAG],
        advice="submit the same command again, which builds what is missing",
    )
