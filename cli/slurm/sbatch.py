"""sbatch scripts and their submission, for the jobs of all commands.

A script is plain bash, which can be read, changed and submitted by hand. The command's exit code
decides what follows: a job that was stopped by a signal is requeued as long as it makes progress.
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

from avme.errors import SystemRequirementError, UsageError
from avme.io.atomic import write_text
from avme.io.lock import holding
from avme.progress import Reporter

from .env import clean_environment
from .sbatch_errors import explain
from .squeue import require_no_job

if TYPE_CHECKING:
    from avme.config.slurm import JobConfig, SlurmConfig

FOLDER: Final = ".slurm"
"""Folder beside runs or datasets for scripts, job ids and job output."""
FLAG: Final = "--slurm"

_SCRIPT: Final = """#!/bin/bash
{options}
# Written by `{command} --slurm`.

cd {folder} || exit 2
job=${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}
restarts=${{SLURM_RESTART_COUNT:-0}}
results={results}
idle={log}-$job.idle # consecutive starts without progress
{begin}
echo "job $job, start $((restarts + 1)): {command} ${{begin[*]}}"
content() {{ ls -l --full-time "$results" 2>/dev/null; }}
before=$(content)

srun --kill-on-bad-exit=0 --cpus-per-task={cpus} {program} "${{begin[@]}}"
code=$?

case $code in
75 | 138 | 143) # stopped by a signal, before or after the command could handle it
    if [ "$before" != "$(content)" ]; then rm -f "$idle"; else echo "$restarts" >>"$idle"; fi
    if [ "$(cat "$idle" 2>/dev/null | wc -l)" -lt 4 ]; then
        echo "job $job: stopped by a signal; $results is kept; requeued"
        scontrol requeue "$job" || echo "job $job cannot be requeued: {advice}"
    else
        rm -f "$idle"
        echo "job $job: stopped by a signal in four consecutive starts without progress in" \\
            "$results: raise slurm.time_limit_minutes (now {minutes}); {advice}"
    fi
    ;;
137) echo "job $job: killed; was slurm.memory_gb={memory:g} too little? {advice}" ;;
*) rm -f "$idle" ;;
esac
exit "$code"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Job or job array to submit."""

    target: Path
    """Folder of the run or the dataset."""
    settings: "JobConfig | SlurmConfig"
    options: Mapping[str, object]
    """Long options of sbatch; None is left out."""
    signal: str
    """Signal before the time limit, as in USR1@180."""
    results: str
    """Folder in `target` whose content shows progress."""
    begin: str
    """Lines of bash that set the array `begin`: arguments that this start adds."""
    command: str
    """Name of the command for messages: avme pretrain."""
    arguments: Sequence[str]
    """Submitted command line, without the program and --slurm."""
    advice: str
    """Advice if the job cannot be requeued, without quotes."""

    @property
    def folder(self) -> Path:
        """Return the folder of script and logs."""
        return self.target.parent / FOLDER

    @property
    def script_path(self) -> Path:
        """Return the path of the script."""
        return self.folder / f"{self.target.name}.sbatch"

    def log(self, number: str) -> Path:
        """Return the log file of the job `number`; an array has one per job."""
        return self.folder / f"{self.target.name}-{number}.out"

    def script(self) -> str:
        """Return the text of the script."""
        return _SCRIPT.format(
            options="\n".join(f"#SBATCH {option}" for option in self.sbatch_options()),
            command=self.command,
            folder=shlex.quote(str(Path.cwd())),
            results=shlex.quote(str(self.target / self.results)),
            log=shlex.quote(str(self.folder / self.target.name)),
            begin=self.begin,
            cpus=self.settings.cpus,  # srun does not inherit it from sbatch, from Slurm 22.05 on
            program=shlex.join([sys.executable, "-m", "avme_cli", *self.arguments]),
            advice=self.advice,
            memory=self.settings.memory_gb,
            minutes=self.settings.time_limit_minutes,
        )

    def sbatch_options(self) -> list[str]:
        """Return the options of the script as sbatch directives."""
        settings = self.settings
        log = str(self.folder.absolute() / self.target.name).replace("%", "%%")
        number = "%A_%a" if "array" in self.options else "%j"
        given = {
            **self.options,
            "cpus-per-task": settings.cpus,
            "mem": f"{int(settings.memory_gb * 1024)}M",
            "time": settings.time_limit_minutes,
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
                    f"{option[:80]!r} is invalid in a script of sbatch: expected an option on one "
                    "line; correct slurm.options, slurm.partition, slurm.account or the name of "
                    "the folder"
                )
        return options


def submit(batch: Batch, report: Reporter) -> str:
    """Write the script and submit it with sbatch; return the job id.

    Raises UsageError if a job of the same run or dataset is pending or running, and
    SystemRequirementError if sbatch is missing (the script stays) or refuses (nothing stays).
    """
    script = batch.script_path
    if shutil.which("sbatch") is None:
        write_text(script, batch.script())
        raise SystemRequirementError(
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


def _sbatch(
    script: Path,
    settings: "JobConfig | SlurmConfig",
    environment: Mapping[str, str],
    report: Reporter,
) -> str:
    """Return the job id, with `;` and the cluster's name if there are several clusters."""
    done = subprocess.run(
        ["sbatch", "--parsable", str(script)],
        capture_output=True,
        text=True,
        errors="replace",
        env=dict(environment),
    )
    if done.returncode != 0:
        raise SystemRequirementError(f"sbatch refuses the job ({explain(done.stderr, settings)}")
    for line in done.stderr.splitlines():
        report.log(line)
    printed = [line for line in done.stdout.splitlines() if re.fullmatch(r"\d+(;\S*)?", line)]
    if not printed:
        raise SystemRequirementError(
            f"sbatch printed {done.stdout[:100]!r}, expected the number of a job: check `squeue` "
            "for it"
        )
    return printed[-1]


@contextmanager
def _gone_if_new(folder: Path) -> Iterator[None]:
    """Remove the folder and its parents if the block created them and left them empty."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    finally:
        for each in made:
            with suppress(OSError):
                each.rmdir()


@contextmanager
def _restored(file: Path) -> Iterator[None]:
    """Restore the file's previous content, or absence, if the block fails."""
    before = file.read_bytes() if file.is_file() else None
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True) if before is None else file.write_bytes(before)
        raise


def _quoted(value: str) -> str:
    """Quote a value for sbatch: double quotes with backslash escapes."""
    if re.fullmatch(r"[\w@%+=:,./-]+", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
