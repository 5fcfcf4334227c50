"""`--slurm` of a training command: one job that trains and resumes until finished.

The content of the run folder decides how a job starts, not a time: it resumes whatever run exists.
Only what existed when `--overwrite` was given is deleted.
"""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from avme.errors import ArtifactError, UsageError
from avme.io.lock import holding
from avme.io.run_status import RUN_LOCK
from avme.progress import Reporter

from .. import preflight
from .sbatch import FLAG, Batch, submit

if TYPE_CHECKING:
    from avme.config.slurm import JobConfig

_START: Final = (FLAG, "--resume", "--overwrite")
_KEPT: Final = ("checkpoints/*.pt", "weights.safetensors")
"""Files that make up a run's progress."""
_BEGIN: Final = """run={run}
begin=({begin})
# Name, bytes and time of what was there when the job was submitted: no start deletes anything else.
replaced=({replaced})
for file in "$run"/checkpoints/*.pt "$run"/weights.safetensors; do
    [ -e "$file" ] || continue
    facts=$(stat -c '%n %s %Y' -- "$file")
    printf '%s\\n' "${{replaced[@]}}" | grep -qxF -e "$facts" || begin=(--resume)
done
if [ "$restarts" -gt 0 ] && [ "${{#begin[@]}}" -eq 0 ]; then
    begin=(--overwrite) # it ended before its first checkpoint
fi"""


def submit_training(
    settings: "JobConfig",
    *,
    device: str,
    run: Path,
    resume: bool,
    overwrite: bool,
    command: str,
    report: Reporter,
) -> str:
    """Submit this command as a job; return the job id.

    Args:
        settings: Slurm settings.
        device: Setting `train.device`.
        run: Run folder.
        resume: Continue the run in it.
        overwrite: Replace the run in it.
        command: Name of the command.
        report: Receives messages.

    Raises:
        UsageError: The run folder is in use or has a job.
        ArtifactError: There is nothing to resume.
        SystemRequirementError: sbatch is missing or refuses.
    """
    gpus, processes = devices(settings, device)
    run = run if run.name else run.resolve()
    preflight.require_run_folder(run, resume=resume, overwrite=overwrite)
    if run.is_dir():
        with holding(run, RUN_LOCK, command=command):
            pass
    if resume and not any((run / "checkpoints").glob("*.pt")):
        raise ArtifactError(
            f"{run} ended before its first checkpoint: start it again with --overwrite"
        )
    batch = training_batch(
        settings,
        gpus=gpus,
        processes=processes,
        run=run,
        start="--resume" if resume else "--overwrite" if overwrite else None,
        command=command,
    )
    number = submit(batch, report)
    report.log(f"job {number} submitted ({batch.script_path}); it prints to {batch.log(number)}")
    return number


def training_batch(
    settings: "JobConfig",
    *,
    gpus: int,
    processes: int,
    run: Path,
    start: str | None,
    command: str,
) -> Batch:
    """Return the job.

    Args:
        settings: Slurm settings.
        gpus: GPUs per node.
        processes: Ranks per node.
        run: Run folder.
        start: Arguments of the first start.
        command: Name of the command.
    """
    return Batch(
        target=run,
        settings=settings,
        options={
            "job-name": run.name,
            "nodes": settings.nodes,
            "ntasks-per-node": processes,
            "gpus-per-node": gpus or None,
        },
        signal=f"USR1@{settings.signal_before_seconds}",
        results="checkpoints",
        begin=_BEGIN.format(
            run=shlex.quote(str(run)),
            begin=start or "",
            replaced="".join(f"\n    {shlex.quote(line)}" for line in _kept_files(run)),
        ),
        command=command,
        arguments=[argument for argument in sys.argv[1:] if argument not in _START],
        advice="submit the command again, with --resume once it has written a checkpoint",
    )


def devices(settings: "JobConfig", device: str) -> tuple[int, int]:
    """Return GPUs and ranks per node for a run on `device`; raises UsageError on conflicts.

    Both settings may be 1.
    """
    gpus, processes = settings.gpus, settings.procs
    if gpus is None:
        gpus = 0 if device == "cpu" or processes is not None else 1
    if gpus and (processes or 1) > 1:
        raise UsageError(
            f"slurm.gpus {gpus} and slurm.procs {processes} exclude each other: a GPU has one "
            "process, and slurm.gpus=0 trains on CPUs"
        )
    if gpus and device == "cpu":
        raise UsageError(
            f"slurm.gpus {gpus} asks for GPUs that --device cpu does not use: leave one of them "
            "out, or give --set slurm.gpus=0"
        )
    if not gpus and device == "cuda":
        raise UsageError(
            "--device cuda needs GPUs, and the job would have none: give --set slurm.gpus=N, "
            "without slurm.procs"
        )
    return gpus, gpus or processes or 1


def refuse_gpus_with_procs(given: Mapping[str, Any]) -> None:
    """Raise UsageError if a command sets both, by dotted key."""
    gpus, processes = given.get("slurm.gpus"), given.get("slurm.procs")
    if gpus not in (None, 0) and processes is not None:
        raise UsageError(
            f"slurm.gpus {gpus} and slurm.procs {processes} exclude each other: give slurm.gpus "
            "alone for GPUs, slurm.procs alone for CPUs"
        )


def _kept_files(run: Path) -> list[str]:
    """Return `name bytes seconds` of the files in the run folder, as printed by stat."""
    files = sorted(file for pattern in _KEPT for file in run.glob(pattern))
    facts = [(file, file.stat()) for file in files]
    return [f"{file} {stat.st_size} {int(stat.st_mtime)}" for file, stat in facts]
