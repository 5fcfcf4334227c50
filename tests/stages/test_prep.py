"""`prepare`: what comes out of a folder of videos."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avme.shards.dataset import PreparedDataset
from avme.shards.reader import ShardReader

pytestmark = pytest.mark.slow

MakeVideo = Callable[..., Path]
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


def test_silent_trackless_and_short_clips_are_ordinary_clips(finished: PreparedDataset) -> None:
    states = {entry.id.split("/")[1]: entry.audio for entry in finished.entries}

    assert len(finished.entries) == 12
    assert states["v_Archery_g01_c01.avi"] == "audible"
    assert states["v_Archery_g01_c02.avi"] == "none"
    assert states["v_Bowling_g01_c02.avi"] == "silent"
    assert {entry.num_frames for entry in finished.entries} == {2, 6, 8, 10}


def test_prepare_index_rows_find_their_clips_in_the_shards(finished: PreparedDataset) -> None:
    for entry in finished.entries:
        reader = ShardReader(finished.shard_path(entry))
        assert reader.column("id")[entry.row].decode() == entry.id
        assert reader.column("label")[entry.row] == entry.label
        assert finished.classes[entry.label] == entry.class_name
        assert reader.num_frames(entry.row) == entry.num_frames
        assert reader.column("has_audio")[entry.row] == (entry.audio == "audible")
        reader.close()


def test_prepare_computes_statistics_of_audible_train_rows(
    finished: PreparedDataset,
) -> None:
    rows = []
    for entry in finished.subset("2", "train"):
        reader = ShardReader(finished.shard_path(entry))
        block, valid = reader.mfcc(entry.row, 0, 4 * entry.num_frames)
        rows.append(block[valid].astype(np.float64))
        reader.close()

    mean, deviation = finished.mfcc_statistics("2")

    assert np.allclose(mean, np.concatenate(rows).mean(axis=0), rtol=1e-5)
    assert np.allclose(deviation, np.concatenate(rows).std(axis=0), rtol=1e-4)


def test_progress_counts_every_clip(tmp_path: Path, videos: Path, run_prep: RunPrep) -> None:
    lines: list[str] = []

    run_prep(videos, tmp_path, lines=lines, num_workers=1)

    assert "prepare 12/12" in lines


def test_prepare_stores_no_path_of_the_machine_in_shards(
    finished: PreparedDataset, videos: Path
) -> None:
    for content in shard_bytes(finished.folder).values():
        assert str(videos.parent).encode() not in content
    assert str(videos.parent) not in (finished.folder / "dataset.json").read_text()


def test_prepare_with_other_lists_changes_splits_only(
    tmp_path: Path, source: Path, run_prep: RunPrep
) -> None:
    folder = run_prep(source, tmp_path / "out").folder
    shards = shard_bytes(folder)
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.avi"))
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "trainlist01.txt").write_text("".join(f"{name} 1\r\n" for name in names[2:]))
    (lists / "testlist01.txt").write_text("".join(f"{name}\r\n" for name in names[:2]))

    done = run_prep(source, tmp_path / "out", splits=lists)

    assert done.splits == ("1",)
    assert [entry.id for entry in done.subset("1", "test")] == names[:2]
    assert shard_bytes(folder) == shards


def test_prepare_of_class_folders_logs_a_split_by_clips(
    tmp_path: Path, make_video: MakeVideo, run_prep: RunPrep
) -> None:
    original = make_video(tmp_path / "a.mp4", options=("-c:a", "aac"))
    for name in ("cat", "dog"):
        for number in range(4):
            target = tmp_path / "videos" / name / "deep" / f"{number}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(original, target)
    lines: list[str] = []

    done = run_prep(tmp_path / "videos", tmp_path / "out", layout="folder", lines=lines)

    assert done.classes == ("cat", "dog")
    assert len(done.subset("1", "train")) == 6
    assert {entry.class_name for entry in done.subset("1", "test")} == {"cat", "dog"}
    assert any("drawn for test by whole groups" in line for line in lines)


def test_workers_import_no_torch(videos: Path, tmp_path: Path) -> None:
    script = SCRIPT + "\nassert 'torch' not in sys.modules, 'torch was imported'"

    subprocess.run(
        [sys.executable, "-c", script, str(videos), str(tmp_path)], check=True, timeout=60
    )


def test_ucf_mini_comes_out_as_its_manifest_says(
    shared: Path, tmp_path: Path, run_prep: RunPrep
) -> None:
    done = run_prep(shared / "data" / "ucf-mini" / "UCF-101", tmp_path, shard_clips=None)

    counts = done.manifest["counts"]
    assert (counts["clips"], len(done.classes)) == (112, 7)
    assert (counts["audible"], counts["silent"], counts["none"]) == (96, 8, 8)
    assert done.splits == ("1", "2", "3")
    for split in done.splits:
        assert (len(done.subset(split, "train")), len(done.subset(split, "test"))) == (84, 28)
    with (shared / "data" / "ucf-mini" / "manifest.csv").open() as file:
        truth = {row["file"].removeprefix("UCF-101/"): row for row in csv.DictReader(file)}
    for entry in done.entries:
        assert entry.num_frames == int(truth[entry.id]["frames"])
        told = truth[entry.id]["audio"]
        assert entry.audio == ("audible" if told == "sound" else told)
