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

from avme.errors import ArtifactError, MismatchError
from avme.io.atomic import read_json, write_json
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


def test_the_number_of_workers_changes_no_byte(
    tmp_path: Path, videos: Path, finished: PreparedDataset, run_prep: RunPrep
) -> None:
    alone = run_prep(videos, tmp_path, num_workers=1)

    assert shard_bytes(alone.folder) == shard_bytes(finished.folder)
    assert alone.fingerprint == finished.fingerprint


@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "parent"])
def test_after_kill_9_the_same_command_makes_the_same_bytes(
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


def test_a_second_run_has_nothing_to_do(
    videos: Path, folder: Path, finished: PreparedDataset, run_prep: RunPrep
) -> None:
    manifest = (folder / "dataset.json").stat()
    lines: list[str] = []

    again = run_prep(videos, folder.parent, lines=lines)

    assert any("nothing changed" in line for line in lines)
    assert again.fingerprint == finished.fingerprint
    assert (folder / "dataset.json").stat().st_mtime_ns == manifest.st_mtime_ns


@pytest.mark.parametrize("name", ["../../marker.h5", "/{}/marker.h5"])
def test_a_plan_that_names_a_file_elsewhere_deletes_nothing(
    name: str, tmp_path: Path, videos: Path, folder: Path, run_prep: RunPrep
) -> None:
    marker = tmp_path / "marker.h5"
    marker.write_text("precious")
    plan = read_json(folder / "plan.json")
    plan["shards"][name.format(tmp_path)] = plan["shards"].pop("shard-00001.h5")
    plan["clips"].popitem()  # as if a file were gone: its shard is stale
    write_json(folder / "plan.json", plan)

    with pytest.raises(ArtifactError, match=r"plan\.json is damaged"):
        run_prep(videos, folder.parent)

    assert marker.read_text() == "precious"


def test_a_missing_shard_is_made_again_and_only_that(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    before = shard_bytes(folder)
    times = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").iterdir()}
    (folder / "shards" / "shard-00001.h5").unlink()

    run_prep(videos, tmp_path)

    assert shard_bytes(folder) == before
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").iterdir()}
    assert {name for name in after if after[name] != times[name]} == {"shard-00001.h5"}


@pytest.mark.parametrize(
    "name", ["index.csv", "quarantine.csv", "splits/split1-test.txt", "splits/split3-train.txt"]
)
def test_a_table_that_is_gone_is_written_again(
    videos: Path, folder: Path, run_prep: RunPrep, name: str
) -> None:
    content, shards = (folder / name).read_bytes(), shard_bytes(folder)
    (folder / name).unlink()
    lines: list[str] = []

    run_prep(videos, folder.parent, lines=lines)

    assert (folder / name).read_bytes() == content
    assert shard_bytes(folder) == shards
    assert not any("nothing changed" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("index.csv", b",sound,", b",none,"),
        ("quarantine.csv", b"reason", b"Reason"),
        ("dataset.json", b'"schema": 3', b'"schema": 2'),
        ("dataset.json", b'"name": "set"', b'"name": "pet"'),
        ("dataset.json", b"{", b"["),
    ],
)
def test_a_table_whose_bytes_have_changed_is_written_again(
    videos: Path, folder: Path, run_prep: RunPrep, name: str, before: bytes, after: bytes
) -> None:
    content, shards = (folder / name).read_bytes(), shard_bytes(folder)
    (folder / name).write_bytes(changed := content.replace(before, after, 1))
    assert changed != content

    run_prep(videos, folder.parent)

    assert (folder / name).read_bytes() == content
    assert shard_bytes(folder) == shards


def test_a_list_that_somebody_changed_is_written_again(
    videos: Path, folder: Path, run_prep: RunPrep
) -> None:
    path = folder / "splits" / "split1-test.txt"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"_g01", b"_g15", 1))

    run_prep(videos, folder.parent)

    assert path.read_bytes() == content


def test_what_a_kill_left_half_written_is_swept_away(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    (folder / "dataset.json").unlink()
    left = [
        folder / name for name in (".dataset.json.x.tmp", "shards/.a.h5.x.tmp", "splits/.1.x.tmp")
    ]
    for path in left:
        path.write_text("half")

    run_prep(videos, tmp_path)

    assert not any(path.exists() for path in left)


def test_a_shortened_shard_is_made_again(tmp_path: Path, videos: Path, run_prep: RunPrep) -> None:
    folder = run_prep(videos, tmp_path).folder
    before = shard_bytes(folder)
    os.truncate(folder / "shards" / "shard-00000.h5", 1000)

    run_prep(videos, tmp_path)

    assert shard_bytes(folder) == before


def test_a_shard_shortened_in_an_unfinished_set_is_made_again(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    before = shard_bytes(folder)
    (folder / "dataset.json").unlink()
    os.truncate(folder / "shards" / "shard-00000.h5", 1000)

    run_prep(videos, tmp_path)

    assert shard_bytes(folder) == before


def test_a_shard_that_the_journal_knows_an_older_one_of_is_kept(
    tmp_path: Path, videos: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(videos, tmp_path).folder
    shard = folder / "shards" / "shard-00000.h5"
    (folder / "dataset.json").unlink()
    lines = (folder / "prep.jsonl").read_text().splitlines()
    older = [json.dumps(json.loads(line) | {"num_bytes": 1}) for line in lines]
    (folder / "prep.jsonl").write_text("\n".join(older) + "\n")
    made = shard.stat().st_mtime_ns

    run_prep(videos, tmp_path)

    assert shard.stat().st_mtime_ns == made


@pytest.mark.parametrize("damage", ["{", "{}"])
def test_a_damaged_plan_is_one_line_that_says_what_to_do(
    videos: Path, folder: Path, run_prep: RunPrep, damage: str
) -> None:
    (folder / "plan.json").write_text(damage)

    with pytest.raises(ArtifactError, match=r"plan\.json is damaged.*choose another with --out"):
        run_prep(videos, folder.parent)


def test_changed_added_and_removed_clips_rebuild_only_what_they_touch(
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


def test_a_torn_journal_is_mended(
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


def test_settings_that_say_only_how_do_not_matter(
    videos: Path, folder: Path, finished: PreparedDataset, run_prep: RunPrep
) -> None:
    again = run_prep(videos, folder.parent, num_workers=1, timeout_seconds=5.0, max_failed=0.5)

    assert again.fingerprint == finished.fingerprint


def test_other_settings_are_refused_with_both_values(
    videos: Path, folder: Path, run_prep: RunPrep
) -> None:
    with pytest.raises(MismatchError, match=r": jpeg_quality is 3 there, 9 now:") as caught:
        run_prep(videos, folder.parent, jpeg_quality=9)

    assert "--out or --name" in str(caught.value)
