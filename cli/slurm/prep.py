"""`avme prep --slurm`: this command as an array of Slurm jobs, one for each `--part i/N`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avme.progress import Reporter

from .sbatch import FLAG, Batch, submit

if TYPE_CHECKING:
    from avme.config.prep import PrepConfig

_SIGNAL: Final = "TERM@60"
"""Ends the command, whose finished shards stay; the script then has time to requeue the job."""


def submit_parts(config: "PrepConfig", *, target: Path, command: str, report: Reporter) -> str:
    """Submits this very command, called `command`, once for every part; returns the array's number.

    Raises UsageError where the set has a job, MachineError where sbatch is missing or refuses.
    """
    batch = parts_batch(config, target=target, command=command)
    number = submit(batch, report)
    jobs = config.slurm.jobs
    report.say(
        f"{jobs} jobs submitted ({number}_1 to {number}_{jobs}, {batch.script_path}); they print "
        f"to {batch.log(f'{number}_*')}"
    )
    report.say("the one that ends last finishes the set; submitted again, the rest is done")
    return number


def parts_batch(config: "PrepConfig", *, target: Path, command: str) -> Batch:
    """The array; every job has as many workers as cores, unless the command says how many."""
    from avme.io.filenames import SHARDS

    settings = config.slurm
    workers = "" if config.num_workers else f" --workers {settings.cpus}"
    limit = f"%{settings.at_once}" if settings.at_once else ""
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
        advice="submit the same command again, which makes what is missing",
    )
