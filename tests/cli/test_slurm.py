"""`--slurm`: this command as an array of parts, tried out with processes of this machine."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.artifacts import DATASET_MANIFEST, read_json
from avme_cli.slurm import part_commands


def test_every_part_is_this_command_without_slurm() -> None:
    commands = part_commands(["prep", "folder", "videos", "--slurm", "--name", "a b"], 2)

    kept = [sys.executable, "-m", "avme_cli", "prep", "folder", "videos", "--name", "a b"]
    assert commands == [[*kept, "--part", "1/2"], [*kept, "--part", "2/2"]]


def test_the_parts_finish_the_set(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    for number in range(8):
        make_video(tmp_path / f"videos/class{number % 2}/clip{number}.avi")
    command = [sys.executable, "-m", "avme_cli", "prep", "folder", "videos", "--slurm"]
    settings = ["--set", "slurm.cluster=local", "--set", "slurm.jobs=2", "--set", "shard_clips=3"]

    done = subprocess.run(
        [*command, *settings], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert "2 jobs submitted" in done.stderr
    manifest = tmp_path / "data/videos" / DATASET_MANIFEST
    for _ in range(600):
        if manifest.is_file():
            break
        time.sleep(0.2)
    assert read_json(manifest)["counts"]["clips"] == 8


def test_what_a_part_would_refuse_is_not_submitted(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    command = [sys.executable, "-m", "avme_cli", "prep", "folder", "videos", "--slurm"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert done.returncode == 2
    assert "videos" in done.stderr
    assert "submitted" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("other", [["--part", "1/2"], ["--dask", "tcp://127.0.0.1:1"]])
def test_slurm_excludes_parts_and_dask(tmp_path: Path, other: list[str]) -> None:
    (tmp_path / "videos").mkdir()
    command = [sys.executable, "-m", "avme_cli", "prep", "folder", "videos", "--slurm", *other]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert done.returncode == 2
    assert done.stderr.startswith("error: --slurm submits parts itself: leave --part and --dask")
