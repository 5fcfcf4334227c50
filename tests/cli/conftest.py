"""Fixtures of the command line: Slurm played by small programs, and commands in processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pytest

# What each of them does can be changed by a file of its name: a snippet of bash.
PROGRAMS = {
    "sbatch": 'env > "$PLAYED_SLURM/sbatch.env"; echo "77"',
    "scontrol": 'echo "$@" >> "$PLAYED_SLURM/scontrol.log"',
    "squeue": 'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1',
    "srun": 'shift 2; echo "$@" >> "$PLAYED_SLURM/srun.log"',
}


class Slurm:
    """The programs, in a folder that is first on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name, bash in PROGRAMS.items():
            self.plays(name, bash)

    def plays(self, name: str, bash: str) -> None:
        """Lets the program `name` run these lines from now on."""
        program = self.folder / name
        program.write_text(f"#!/bin/bash\n{bash}\n")
        program.chmod(0o755)

    def remove(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink()

    def noted(self, name: str) -> list[str]:
        """The lines of a log that a program wrote."""
        file = self.folder / name
        return file.read_text().splitlines() if file.is_file() else []

    def run(self, script: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """The job: its script in bash, with the variables that Slurm sets."""
        job = {"SLURM_JOB_ID": "77"} | variables
        return subprocess.run(
            ["bash", str(script)], env=os.environ | job, capture_output=True, text=True, timeout=300
        )


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """A machine with Slurm, a folder to work in, and a command line that is submitted."""
    (tmp_path / "my work").mkdir()
    monkeypatch.chdir(tmp_path / "my work")
    playing = Slurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", str(playing.folder), prepend=os.pathsep)
    monkeypatch.setenv("PLAYED_SLURM", str(playing.folder))
    monkeypatch.setattr(sys, "argv", ["avme", "pretrain", "--slurm", "--data", "a set"])
    return playing


@pytest.fixture
def paths_below() -> Callable[[Path], set[str]]:
    """All files and folders below a folder."""

    def find(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*")}

    return find


# Forks of one process: the imports of the command line alone take a third of a second.
_FORKS = r"""
import json, os, re, sys
from pathlib import Path
from avme_cli.app import app

def run(args, cwd, out, err):
    os.chdir(cwd)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    try:
        app(args, prog_name="avme")
    except SystemExit as ended:
        code = ended.code
    modules = sorted({name.partition(".")[0] for name in sys.modules})
    # ru_maxrss would be that of the parent
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print()
    print(json.dumps([code, modules, int(peak[1]) / 1024]), flush=True)

for line in sys.stdin:
    if not (pid := os.fork()):
        try:
            run(**json.loads(line))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    print("done", flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    stderr: str
    modules: set[str]
    """Packages that its process had imported."""
    megabytes: float
    """Peak memory of its process."""


@pytest.fixture(scope="session")
def run_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Ended]]:
    """Runs `avme args` in `cwd`, in a process that has imported nothing else."""
    out, err = (tmp_path_factory.mktemp("alone") / name for name in ("out", "err"))
    with subprocess.Popen(
        [sys.executable, "-c", _FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as mother:
        asks, answers = cast(IO[str], mother.stdin), cast(IO[str], mother.stdout)

        def run(*args: str, cwd: Path) -> Ended:
            asked = {"args": args, "cwd": str(cwd), "out": str(out), "err": str(err)}
            asks.write(json.dumps(asked) + "\n")
            asks.flush()
            assert answers.readline() == "done\n"
            code, modules, megabytes = json.loads(out.read_text().splitlines()[-1])
            return Ended(code, err.read_text(), set(modules), megabytes)

        yield run
        asks.close()
