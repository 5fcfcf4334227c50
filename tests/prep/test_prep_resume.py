"""`prepare` again: after a kill, after a change, and with nothing to do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.media.ffmpeg.process import find_ffmpeg
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]

SCRIPT = """
import sys
from pathlib import Path
from avme.config.prep import PrepConfig
from avme.progress import NullReporter
from avme.prep.request import Request
from avme.stages.prep import prepare

config = PrepConfig(num_workers=1, shard_clips=4)
out = Path(sys.argv[2])
request = Request("ucf101", Path(sys.argv[1]), out=out, name="set", config=config)
prepare(request, report=NullReporter())
"""


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "shards").iterdir())}


def test_prep_bytes_are_equal_for_any_number_of_workers(
    tmp_path: Path, videos: Path, finished: PreparedDataset, run_prep: RunPrep
) -> None:
    alone = run_prep(videos, tmp_path, num_workers=1)

    assert shard_bytes(alone.folder) == shard_bytes(finished.folder)
    assert alone.fingerprint == finished.fingerprint


@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "parent"])
def test_prep_after_kill_9_makes_the_same_bytes(
    tmp_path: Path, videos: Path, finished: PreparedDataset, whole_group: bool, run_prep: RunPrep
) -> None:
    last = sorted(videos.rglob("*.avi"))[-1].name
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(  # which does not end before it is killed
        f'#!/bin/sh\ncase "$*" in *{last}*) exec sleep 600;; esac\nexec "{find_ffmpeg()}" "$@"\n'
    )
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(videos), str(tmp_path)],
        start_new_session=True,
        env=os.environ | {"PATH": path},
    )
    shards = tmp_path / "set" / "shards"
    deadline = time.monotonic() + 60
    while not list(shards.glob("shard-*.h5")) and time.monotonic() < deadline:
        time.sleep(0.005)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "set" / "dataset.json").exists()

    again = run_prep(videos, tmp_path)

    assert shard_bytes(again.folder) == shard_bytes(finished.folder)
    assert again.fingerprint == finished.fingerprint
    leftovers = [path for path in again.folder.rglob("*") if path.suffix in (".tmp", ".nut")]
    assert leftovers == []


def test_prep_second_run_has_nothing_to_do(
    videos: Path, folder: Path, finished: PreparedDataset, run_prep: RunPrep
) -> None:
    manifest = (folder / "dataset.json").stat()
    lines: list[str] = []

    again = run_prep(videos, folder.parent, lines=lines)

    assert any("nothing changed" in line for line in lines)
    assert again.fingerprint == finished.fingerprint
    assert (folder / "dataset.json").stat().st_mtime_ns == manifest.st_mtime_ns


def test_prep_after_changes_rebuilds_the_affected_shards_only(
    tmp_path: Path, source: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(source, tmp_path / "out").folder
    times = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").iterdir()}
    gone = source / "Archery" / "v_Archery_g01_c01.avi"
    shutil.copy(gone, source / "Bowling" / "v_Bowling_g20_c09.avi")
    gone.unlink()
    lines: list[str] = []

    again = run_prep(source, tmp_path / "out", lines=lines)

    after = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").iterdir()}
    assert any("2 source files were added, removed or changed" in line for line in lines)
    assert sorted(after) == [f"shard-0000{n}.h5" for n in range(4)]
    assert {name for name in times if after[name] == times[name]} == {
        "shard-00001.h5",
        "shard-00002.h5",
    }
    ids = [entry.id for entry in again.entries]
    assert "Archery/v_Archery_g01_c01.avi" not in ids
    assert "Bowling/v_Bowling_g20_c09.avi" in ids


def test_prep_repairs_a_truncated_journal(
    tmp_path: Path, videos: Path, finished: PreparedDataset, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    journal = (folder / "prep.jsonl").read_bytes()
    (folder / "prep.jsonl").write_bytes(journal[: len(journal) // 2])
    (folder / "dataset.json").unlink()

    again = run_prep(videos, tmp_path)

    assert again.fingerprint == finished.fingerprint
    lines = (folder / "prep.jsonl").read_bytes().splitlines()
    assert json.loads(lines[-1])["name"].startswith("shard-")
