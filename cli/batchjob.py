"""`--slurm` of a training command: a batch script that trains, and resumes until it is done.

The script is plain bash, for people to read, change and submit. What decides is the exit code: 75
says that a checkpoint was written on Slurm's signal, and the job goes back into the queue.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avme.errors import MachineError, UsageError
from avme.report import Reporter

if TYPE_CHECKING:
    from avme.config.slurm import JobConfig

FOLDER: Final = ".slurm"
"""Beside the run folder: scripts, and what jobs print."""
_OURS: Final = ("--slurm", "--resume", "--overwrite")

_SCRIPT: Final = """#!/bin/bash
{options}
# Written by `{command} --slurm`.

cd {folder} || exit 2
run={run}
begin=({begin})
if [ "${{SLURM_RESTART_COUNT:-0}}" -gt 0 ] && [ "${{begin[0]}}" != --resume ]; then
    begin=(--overwrite)  # it ended before its first checkpoint
    for name in last previous; do  # an older one is that of a run which is to be replaced
        [ "$run/checkpoints/$name.pt" -nt {stamp} ] && begin=(--resume)
    done
fi

srun --kill-on-bad-exit=0 --cpus-per-task={cpus} {program} "${{begin[@]}}"
code=$?
if [ "$code" -eq 75 ]; then  # stopped on a signal, with a checkpoint written
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def submit(
    settings: "JobConfig", *, run: Path, resume: bool, overwrite: bool, report: Reporter
) -> str:
    """Writes the script of this command and hands it to sbatch; returns the job's number.

    Raises UsageError where the run folder is in use, MachineError where sbatch is missing or
    refuses.
    """
    if run.is_dir() and any(run.iterdir()) and not (resume or overwrite):
        raise UsageError(
            f"{run} is not empty: --resume continues it, --overwrite replaces it, "
            "--out chooses another folder"
        )
    folder = run.parent / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"{run.name}.sbatch"
    begin = [flag for flag, wanted in zip(_OURS[1:], (resume, overwrite), strict=True) if wanted]
    _stamp(run).write_text("When the job was submitted.\n", encoding="utf-8")
    script.write_text(batch_script(settings, sys.argv[1:], run, begin), encoding="utf-8")
    try:
        done = subprocess.run(
            ["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise MachineError(
            f"--slurm needs Slurm's sbatch, which is not on this machine: submit {script} where "
            "it is"
        ) from None
    except subprocess.CalledProcessError as error:
        raise MachineError(f"sbatch refuses {script}: {error.stderr.strip()}") from error
    number = done.stdout.strip().partition(";")[0]
    report.say(f"job {number} submitted ({script}); it prints to {folder}/{run.name}-{number}.out")
    return number


def batch_script(
    settings: "JobConfig", arguments: Sequence[str], run: Path, begin: Sequence[str]
) -> str:
    """The script for a command line; `begin` is given to its first start only."""
    program = [sys.executable, "-m", "avme_cli", *(a for a in arguments if a not in _OURS)]
    return _SCRIPT.format(
        options="\n".join(f"#SBATCH {option}" for option in _options(settings, run)),
        command=shlex.join(["avme", *arguments[:1]]),
        folder=shlex.quote(str(Path.cwd())),
        run=shlex.quote(str(run)),
        begin=shlex.join(begin),
        stamp=shlex.quote(str(_stamp(run))),
        cpus=settings.cpus,  # which srun does not take from sbatch, from Slurm 22.05 on
        program=shlex.join(program),
    )


def _stamp(run: Path) -> Path:
    return run.parent / FOLDER / f"{run.name}.submitted"


def _options(settings: "JobConfig", run: Path) -> list[str]:
    processes = settings.gpus or settings.procs
    prints = (run.parent / FOLDER).absolute() / run.name
    given = {
        "job-name": run.name,
        "nodes": settings.nodes,
        "ntasks-per-node": processes,
        "gpus-per-node": settings.gpus or None,
        "cpus-per-task": settings.cpus,
        "mem": f"{int(settings.memory_gb * 1024)}M",
        "time": settings.minutes,
        "signal": f"USR1@{settings.warning_seconds}",
        "partition": settings.partition,
        "account": settings.account,
        "output": f"{str(prints).replace('%', '%%')}-%j.out",
    }
    named = [
        f"--{name}={_quoted(str(value))}" for name, value in given.items() if value is not None
    ]
    return [*named, "--open-mode=append", "--requeue", *settings.options]


def _quoted(value: str) -> str:
    """The value as sbatch reads it: double quotes, in which a backslash frees what follows."""
    if re.fullmatch(r"[\w@%+=:,./-]+", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
