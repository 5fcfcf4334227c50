"""Whatever a file is called, and whatever stands in its place: `prep` reads it or says why not."""

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.shards.dataset import PreparedDataset
from avme.sources.folder import find_videos

pytestmark = pytest.mark.slow

MakeVideo = Callable[..., Path]
RunPrep = Callable[..., PreparedDataset]

NAMES = [
    "two words.avi",
    'it\'s "quoted" `x` $(touch here).avi',
    "-i.avi",
    "--help.avi",
    "two\nlines\t.avi",
    "näme 視頻 🎬.avi",
    "100%03d [a-z]*?.avi",
    "pipe:0.avi",
    "a;b&c|d>e.avi",
    "\\back\\slash.avi",
    "x" * 200 + ".avi",
    os.fsdecode(b"no text \xff\xfe.avi"),
    "\u202eiva.avi",
]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, make_video: MakeVideo) -> Path:
    return make_video(tmp_path_factory.mktemp("one") / "one.avi", frames=3)


def quarantine_of(made: PreparedDataset) -> dict[str, dict[str, str]]:
    with (made.folder / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def test_clips_of_any_name_are_prepared_and_damaged_ones_are_named(
    tmp_path: Path, one: Path, run_prep: RunPrep
) -> None:
    for name in NAMES:
        for kind, content in (("good", one.read_bytes()), ("bad", b"no video")):
            (tmp_path / "videos" / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / "videos" / kind / name).write_bytes(content)
    lines: list[str] = []

    made = run_prep(
        tmp_path / "videos",
        tmp_path,
        layout="folder",
        lines=lines,
        max_failed=1.0,
        shard_clips=None,
    )

    bad = quarantine_of(made)
    assert len(made.entries) == len(bad) == len(NAMES)
    assert {entry.num_frames for entry in made.entries} == {3}
    assert {row["reason"] for row in bad.values()} == {"unreadable"}
    assert all(row["message"].isprintable() for row in bad.values())
    assert all(line.isprintable() for line in lines)
    assert not (Path.cwd() / "here").exists()


def test_prep_reports_links_out_of_the_folder_unfollowed(
    tmp_path: Path, one: Path, run_prep: RunPrep
) -> None:
    for name in ("a/1.avi", "a/2.avi", "b/1.avi", "b/2.avi", "b/3.avi", "b/4.avi"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one, tmp_path / "videos" / name)
    (tmp_path / "videos" / "a" / "out.avi").symlink_to(one)
    (tmp_path / "videos" / "c").symlink_to(one.parent)
    lines: list[str] = []

    made = run_prep(tmp_path / "videos", tmp_path, layout="folder", lines=lines)

    assert len(made.entries) == 6
    assert any("2 links point outside" in line and "c" in line for line in lines)


def test_prep_into_the_folder_of_the_videos_adds_no_class(
    tmp_path: Path, one: Path, run_prep: RunPrep
) -> None:
    for name in ("train/a/1.avi", "train/b/2.avi", "test/a/3.avi", "test/b/4.avi"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one, tmp_path / name)
    first = run_prep(tmp_path, tmp_path, layout="folder")
    before = (first.folder / "dataset.json").read_bytes()
    lines: list[str] = []

    again = run_prep(tmp_path, tmp_path, layout="folder", lines=lines)

    assert again.classes == ("a", "b")
    assert (again.folder / "dataset.json").read_bytes() == before
    assert lines == [f"{again.folder} is finished and nothing changed: 4 clips"]


def test_prep_of_folder_of_links_names_the_problem(tmp_path: Path, one: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.avi").symlink_to(one)

    with pytest.raises(UsageError, match=r"1 links point outside .* a/1\.avi"):
        find_videos(tmp_path, "folder", [])


def test_pipes_devices_and_links_to_them_are_no_videos(tmp_path: Path, one: Path) -> None:
    (tmp_path / "a").mkdir()
    shutil.copy(one, tmp_path / "a" / "good.avi")
    os.mkfifo(tmp_path / "a" / "pipe.avi")
    (tmp_path / "a" / "link.avi").symlink_to(tmp_path / "a" / "pipe.avi")
    (tmp_path / "a" / "zeros.avi").symlink_to("/dev/zero")
    (tmp_path / "a" / "folder.avi").mkdir()

    assert [clip.id for clip in find_videos(tmp_path, "folder", [])] == ["a/good.avi"]
