"""Scripts for Slurm's sbatch, and their submission: one writer for the jobs of all commands.

A script is plain bash, to be read, changed and submitted by hand too. The command's exit code
decides what follows: a job that was stopped by a signal goes back into the queue, as long as it
gets on.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from avme.errors import MachineError, UsageError
from avme.io.atomic import write_text
from avme.io.lock import holding
from avme.progress import Reporter

from .sbatch_errors import explain
from .squeue import require_no_job

if TYPE_CHECKING:
    from avme.config.slurm import JobConfig, SlurmConfig

FOLDER: Final = ".slurm"
"""Beside a run or a set: scripts, numbers of jobs, and what the jobs print."""
FLAG: Final = "--slurm"
_JOBS_OWN: Final = ("SLURM_", "SLURMD_", "SBATCH_", "SRUN_", "SQUEUE_")
"""Prefixes of variables that describe the job of the shell that submits, or override a script."""
_CLUSTERS_OWN: Final = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT")
"""Variables that say which cluster to talk to, and who asks."""
_USERS_OWN: Final = {
    "SBATCH_ACCOUNT": ("--account", "-A"),
    "SBATCH_CLUSTERS": ("--clusters", "-M"),
    "SBATCH_CONSTRAINT": ("--constraint", "-C"),
    "SBATCH_PARTITION": ("--partition", "-p"),
    "SBATCH_QOS": ("--qos", "-q"),
    "SBATCH_RESERVATION": ("--reservation",),
    "SBATCH_WCKEY": ("--wckey",),
}
"""Defaults that people set in their profiles: no job sets them. They would override a script."""

_SCRIPT: Final = """#!/bin/bash
{options}
# Written by `{command} --slurm`.

cd {folder} || exit 2
job=${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}
restarts=${{SLURM_RESTART_COUNT:-0}}
results={results}
idle={log}-$job.idle # starts in a row that brought nothing new
{begin}
echo "job $job, start $((restarts + 1)): {command} ${{begin[*]}}"
content() {{ ls -l --full-time "$results" 2>/dev/null; }}
before=$(content)

srun --kill-on-bad-exit=0 --cpus-per-task={cpus} {program} "${{begin[@]}}"
code=$?

case $code in
75 | 138 | 143) # asked to stop, which the command heard, or was too young to hear
    if [ "$before" != "$(content)" ]; then rm -f "$idle"; else echo "$restarts" >>"$idle"; fi
    if [ "$(cat "$idle" 2>/dev/null | wc -l)" -lt 4 ]; then
        echo "job $job: stopped by a signal; what is in $results is kept; back into the queue"
        scontrol requeue "$job" || echo "job $job cannot be requeued: {advice}"
    else
        rm -f "$idle"
        echo "job $job: stopped by a signal at four starts in a row, with nothing new in" \\
            "$results: give it more time than slurm.minutes={minutes}; {advice}"
    fi
    ;;
137) echo "job $job: killed; was slurm.memory_gb={memory:g} too little? {advice}" ;;
*) rm -f "$idle" ;;
esac
exit "$code"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What to submit: one job, or an array of them."""

    target: Path
    """The folder of the run or the set that is written."""
    settings: "JobConfig | SlurmConfig"
    options: Mapping[str, object]
    """Options of sbatch by their long names; those that are None are left out."""
    signal: str
    """What is sent before the time limit, as in USR1@180."""
    results: str
    """Folder in `target` whose content shows that the job gets on."""
    begin: str
    """Lines of bash that set the array `begin`: what this start adds to the command line."""
    command: str
    """The command's name, for messages: avme pretrain."""
    arguments: Sequence[str]
    """The command line that is submitted, without the program and --slurm."""
    advice: str
    """What to do where the job cannot go back into the queue; plain words."""

    @property
    def folder(self) -> Path:
        """Where the script and the logs lie."""
        return self.target.parent / FOLDER

    @property
    def script_path(self) -> Path:
        """The script."""
        return self.folder / f"{self.target.name}.sbatch"

    def log(self, number: str) -> Path:
        """What the job `number` prints; an array has a file for each of its jobs."""
        return self.folder / f"{self.target.name}-{number}.out"

    def script(self) -> str:
        """The text of the script."""
        return _SCRIPT.format(
            options="\n".join(f"#SBATCH {option}" for option in self.sbatch_options()),
            command=self.command,
            folder=shlex.quote(str(Path.cwd())),
            results=shlex.quote(str(self.target / self.results)),
            log=shlex.quote(str(self.folder / self.target.name)),
            begin=self.begin,
            cpus=self.settings.cpus,  # which srun does not take from sbatch, from Slurm 22.05 on
            program=shlex.join([sys.executable, "-m", "avme_cli", *self.arguments]),
            advice=self.advice,
            memory=self.settings.memory_gb,
            minutes=self.settings.minutes,
        )

    def sbatch_options(self) -> list[str]:
        """The options of the script, in the form in which sbatch reads them."""
        settings = self.settings
        log = str(self.folder.absolute() / self.target.name).replace("%", "%%")
        number = "%A_%a" if "array" in self.options else "%j"
        given = {
            **self.options,
            "cpus-per-task": settings.cpus,
            "mem": f"{int(settings.memory_gb * 1024)}M",
            "time": settings.minutes,
            "signal": self.signal,
            "partition": settings.partition,
            "account": settings.account,
            "output": f"{log}-{number}.out",
            "open-mode": "append",
        }
        named = [f"--{name}={_quoted(str(value))}" for name, value in given.items() if value]
        options = [*named, "--requeue", *settings.options]
        for option in options:
            if not option.isprintable() or not option.startswith("-"):
                raise UsageError(
                    f"{option[:80]!r} cannot stand in a script of sbatch: expected an option on "
                    "one line; correct slurm.options, slurm.partition, slurm.account or the name "
                    "of the folder"
                )
        return options


def submit(batch: Batch, report: Reporter) -> str:
    """Writes the script and hands it to sbatch; returns the number of the job.

    Raises UsageError where a job of the same run or set waits or runs, and MachineError where
    sbatch is missing, which leaves the script, or refuses, which leaves nothing.
    """
    script = batch.script_path
    if shutil.which("sbatch") is None:
        write_text(script, batch.script())
        raise MachineError(
            f"{FLAG} needs Slurm's sbatch, which is not on this machine: submit {script} where it "
            "is"
        )
    record = script.with_suffix(".job")
    environment = clean_environment(os.environ, batch.sbatch_options())
    with (
        _gone_if_new(batch.folder),
        holding(batch.folder, batch.target.name, command=f"{batch.command} {FLAG}"),
    ):
        require_no_job(record, batch.target, environment)
        with _restored(script):
            write_text(script, batch.script())
            printed = _sbatch(script, batch.settings, environment, report)
        write_text(record, f"{printed}\n")
    return printed.partition(";")[0]


def clean_environment(given: Mapping[str, str], options: Sequence[str]) -> dict[str, str]:
    """The environment to submit from: without the variables of the job that the shell is part of.

    sbatch hands them on, and a step that finds another job's memory or layout fails. What says
    which cluster is meant stays, and so do the defaults of people's profiles that `options` do not
    name.
    """
    names = {re.split(r"[=\s]", option, maxsplit=1)[0] for option in options}
    kept = {*_CLUSTERS_OWN, *(key for key, own in _USERS_OWN.items() if names.isdisjoint(own))}
    return {
        name: value
        for name, value in given.items()
        if name in kept or not name.startswith(_JOBS_OWN)
    }


def _sbatch(
    script: Path,
    settings: "JobConfig | SlurmConfig",
    environment: Mapping[str, str],
    report: Reporter,
) -> str:
    """The number of the job, with `;` and the cluster's name where there are several."""
    done = subprocess.run(
        ["sbatch", "--parsable", str(script)],
        capture_output=True,
        text=True,
        errors="replace",
        env=dict(environment),
    )
    if done.returncode != 0:
        raise MachineError(f"sbatch refuses the job ({explain(done.stderr, settings)}")
    for line in done.stderr.splitlines():
        report.say(line)
    printed = [line for line in done.stdout.splitlines() if re.fullmatch(r"\d+(;\S*)?", line)]
    if not printed:
        raise MachineError(
            f"sbatch printed {done.stdout[:100]!r}, expected the number of a job: `squeue` tells "
            "whether there is one"
        )
    return printed[-1]


@contextmanager
def _gone_if_new(folder: Path) -> Iterator[None]:
    """Removes the folder, and those above it, where the block made them and left them empty."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    finally:
        for each in made:
            with suppress(OSError):
                each.rmdir()


@contextmanager
def _restored(file: Path) -> Iterator[None]:
    """Gives the file back the content that it had, or none, where the block fails."""
    before = file.read_bytes() if file.is_file() else None
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True) if before is None else file.write_bytes(before)
        raise


def _quoted(value: str) -> str:
    """The value as sbatch reads it: double quotes, in which a backslash frees what follows."""
    if re.fullmatch(r"[\w@%+=:,./-]+", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
