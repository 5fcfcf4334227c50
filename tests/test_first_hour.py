"""A user's first hour: avme is installed, and the commands of README's tour run as typed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 300.0
FEW = "--set train.epochs=4"
"""Four steps of preset tiny; everything else of the commands is as README has it."""


class Shell:
    """Commands typed one after the other in one folder, with an installed `avme` on the path."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._options = set(re.findall(r"--[a-z][a-z-]*", (ROOT / "README.md").read_text()))
        self._env = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command.split(),
            cwd=self.folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, *, code: int = 0) -> str:
        """Return what `command` printed, which must end with exit code `code`."""
        unknown = {word for word in command.split() if word.startswith("--")} - self._options
        assert not unknown, f"README does not name {unknown}"
        with self.start(command) as process:
            try:
                printed, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            finally:
                process.kill()
        assert process.returncode == code, f"{command}: exit code {process.returncode}\n{printed}"
        return printed


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """An installation from a copy of this repository, with the dependencies of this one."""
    folder = tmp_path_factory.mktemp("hour")
    copy, venv = folder / "copy", folder / "venv"
    for name in ("avme", "cli"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=120)
    scheme = {"base": str(venv), "platbase": str(venv)}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(others) + "\n")
    install = [str(venv / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--no-index"]
    options = ["--quiet", "--no-build-isolation", "--ignore-installed"]
    subprocess.run([*install, *options, str(copy)], check=True, timeout=300)
    work = folder / "work"
    work.mkdir()
    return Shell(work, venv / "bin")


@pytest.fixture(scope="module")
def sets(shell: Shell, make_video: Callable[..., Path]) -> None:
    """Two folders of videos: one laid out as UCF-101 is, one with a folder for each class."""
    for number, name in enumerate(("Archery", "Bowling")):
        for group in (1, 8, 15, 22):
            tone = f"sine=frequency={300 + 600 * number}:sample_rate=16000"
            options = ("-vf", "hue=s=0") if number else ()
            clip = f"v_{name}_g{group:02d}_c01.avi"
            made = make_video(
                shell.folder / "UCF-101" / name / clip,
                frames=26,
                size="96x64",
                audio=tone,
                options=options,
            )
            beside = shell.folder / "videos" / name.lower() / f"{group}.avi"
            beside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(made, beside)


def top1(folder: Path) -> dict[str, float]:
    """Top-1 by the folder of its results, of all results below `folder`."""
    return {
        str(path.parent.relative_to(folder)): json.loads(path.read_text())["top1"]
        for path in sorted(folder.rglob("summary.json"))
    }


def interrupt_after_first_step(process: subprocess.Popen[str], run: Path) -> str:
    """Press Ctrl-C, which the terminal sends to the whole group, as soon as a checkpoint exists."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (run / "checkpoints" / "last.pt").is_file():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    return printed


@pytest.mark.usefixtures("sets")
def test_commands_of_the_tour_run_one_after_the_other(shell: Shell) -> None:
    runs = shell.folder / "runs"

    shell.run("avme prep ucf101 UCF-101")
    shell.run("avme prep folder videos --name pets")
    assert (shell.folder / "data/ucf101/dataset.json").is_file()
    assert (shell.folder / "data/pets/dataset.json").is_file()

    # Interrupted by Ctrl-C, and continued with the command that it prints.
    with shell.start("avme pretrain --data pets --preset tiny --set train.epochs=24") as process:
        printed = interrupt_after_first_step(process, runs / "pretrain-pets")
    assert process.returncode in (75, 130), printed
    assert "Traceback" not in printed
    continued = re.search(r"avme pretrain .*--resume.*", printed)
    assert continued, printed
    printed = shell.run(continued[0])
    resumed = re.search(r"resuming .* at step (\d+) of 24", printed)
    assert resumed, printed
    assert json.loads((runs / "pretrain-pets/status.json").read_text())["state"] == "finished"
    steps = [
        json.loads(line)["step"]
        for line in (runs / "pretrain-pets/metrics.jsonl").read_text().splitlines()
    ]
    assert steps == sorted(set(steps))
    assert int(resumed[1]) <= max(steps) == 24
    assert (runs / "pretrain-pets/train.log").stat().st_size > 0

    # Fine-tuned from the newest run of this set, without naming it.
    printed = shell.run(f"avme finetune --data pets --preset tiny {FEW}")
    assert "pretrain-pets" in printed
    run = runs / "finetune-pets-av"

    # One classifier, named in three ways, has one top-1; the set is that of the checkpoint, though
    # data/ holds two. Results are never replaced unless that is asked for.
    shell.run("avme eval runs/finetune-pets-av --topk 1 5")
    first = top1(run)
    assert len(first) == 1
    printed = shell.run("avme eval runs/finetune-pets-av/checkpoints/best.pt --topk 1 5", code=2)
    assert "--overwrite" in printed
    for name in ("checkpoints/best.pt", "weights.safetensors"):
        shell.run(f"avme eval runs/finetune-pets-av/{name} --topk 1 5 --overwrite")
        assert set(top1(run).values()) == set(first.values())

    # Results of other views are kept beside the first.
    before = top1(run)
    shell.run("avme eval runs/finetune-pets-av --topk 1 5 --segments 1 --crops 1")
    assert before.items() < top1(run).items()
