"""Small programs that play Slurm, for tests that submit jobs and run their scripts in bash."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
