"""`prepare` on tables and annotations: cuts of long videos as clips of their own."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.reader import ShardReader

pytestmark = pytest.mark.slow

MakeVideo = Callable[..., Path]
RunPrep = Callable[..., PreparedDataset]

HEADER = "path,label,split,start,end,group\n"
ROWS = (
    'long.mp4,"wave, (twice)",train,0,1,\n',
    "long.mp4,jump,train,1,2.5,\n",
    'long.mp4,"wave, (twice)",train,2.5,,\n',
    "short.avi,jump,test,,,\n",
)


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo) -> Path:
    """A video of four seconds with one key frame, and one of eight frames."""
    options = ("-c:v", "libx264", "-g", "250", "-c:a", "aac")
    make_video(tmp_path / "videos" / "long.mp4", frames=100, options=options)
    make_video(tmp_path / "videos" / "short.avi")
    return tmp_path / "videos"


def table(folder: Path, *rows: str, name: str = "clips.csv") -> Path:
    path = folder / name
    path.write_text(HEADER + "".join(rows))
    return path


def shard_times(done: PreparedDataset) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (done.folder / "shards").iterdir()}


def read(done: PreparedDataset, entry: ClipEntry, column: str) -> str:
    reader = ShardReader(done.shard_path(entry))
    value = str(reader.column(column)[entry.row].decode())
    reader.close()
    return value


def num_audible_rows(done: PreparedDataset, entry: ClipEntry) -> int:
    reader = ShardReader(done.shard_path(entry))
    _, valid = reader.mfcc(entry.row, 0, 4 * entry.num_frames)
    reader.close()
    return int(valid.sum())


def test_prep_of_segments_gives_each_its_frames_times_and_audio(
    tmp_path: Path, folder: Path, run_prep: RunPrep
) -> None:
    done = run_prep(table(folder, *ROWS), tmp_path / "out", layout="csv")

    assert [(entry.id, entry.class_name, entry.num_frames) for entry in done.entries] == [
        ("long.mp4#0-1", "wave, (twice)", 25),
        ("long.mp4#1-2.5", "jump", 38),
        ("long.mp4#2.5-", "wave, (twice)", 38),
        ("short.avi", "jump", 8),
    ]
    assert {entry.group for entry in done.entries} == {"long.mp4", "short.avi"}
    assert {entry.audio for entry in done.entries} == {"audible"}
    assert [entry.id for entry in done.subset("1", "test")] == ["short.avi"]
    heard = {entry.id: num_audible_rows(done, entry) for entry in done.entries}
    # The frame from 2.48 to 2.52 s is on screen for 0.02 s in both cuts.
    assert heard == {
        "long.mp4#0-1": 100,
        "long.mp4#1-2.5": 152,
        "long.mp4#2.5-": 152,
        "short.avi": 32,
    }
    digest = hashlib.sha256((folder / "long.mp4").read_bytes()).hexdigest()
    assert (done.folder / "index.csv").read_text().count(digest) == 3


def test_prep_after_changed_row_rebuilds_its_shard_only(
    tmp_path: Path, folder: Path, run_prep: RunPrep
) -> None:
    out = tmp_path / "out"
    before = run_prep(table(folder, *ROWS), out, layout="csv", shard_clips=1)
    times = shard_times(before)
    moved = (ROWS[0], ROWS[1].replace("2.5", "2.25"), ROWS[2], ROWS[3])

    after = run_prep(table(folder, *moved), out, layout="csv", shard_clips=1)

    assert "long.mp4#1-2.25" in {entry.id for entry in after.entries}
    kept = {name for name, time in shard_times(after).items() if times.get(name) == time}
    assert len(kept) == 3
    assert len(shard_times(after)) == 4


def test_prep_after_changed_group_updates_the_shard(
    tmp_path: Path, folder: Path, run_prep: RunPrep
) -> None:
    out = tmp_path / "out"
    times = shard_times(run_prep(table(folder, *ROWS), out, layout="csv", shard_clips=1))
    grouped = ROWS[1].replace(",\n", ",scene\n")

    after = run_prep(table(folder, ROWS[0], grouped, *ROWS[2:]), out, layout="csv", shard_clips=1)

    entry = next(entry for entry in after.entries if entry.id == "long.mp4#1-2.5")
    assert entry.group == "scene"
    assert read(after, entry, "group") == "scene"
    assert sum(times[name] == time for name, time in shard_times(after).items()) == 3


def test_prep_after_changed_label_updates_the_shard(
    tmp_path: Path, folder: Path, run_prep: RunPrep
) -> None:
    run_prep(table(folder, *ROWS), tmp_path / "out", layout="csv")
    leaping = (row.replace("jump", "leap") for row in ROWS)

    after = run_prep(table(folder, *leaping), tmp_path / "out", layout="csv")

    assert after.classes == ("leap", "wave, (twice)")
    assert [read(after, entry, "class") for entry in after.entries] == [
        entry.class_name for entry in after.entries
    ]


def test_prep_after_changed_subsets_changes_splits_only(
    tmp_path: Path, folder: Path, run_prep: RunPrep
) -> None:
    out = tmp_path / "out"
    before = run_prep(table(folder, *ROWS), out, layout="csv")
    times = shard_times(before)
    rows = (*(row.replace("train", "test") for row in ROWS[:3]), ROWS[3].replace("test", "train"))

    after = run_prep(table(folder, *rows), out, layout="csv")

    assert len(after.subset("1", "test")) == 3
    assert shard_times(after) == times


def test_prep_after_added_video_adds_it(
    tmp_path: Path, folder: Path, make_video: MakeVideo, run_prep: RunPrep
) -> None:
    path = table(folder, *ROWS, "late.avi,jump,test,,,\n")
    lines: list[str] = []
    before = run_prep(path, tmp_path / "out", layout="csv", lines=lines).entries
    make_video(folder / "late.avi")

    after = run_prep(path, tmp_path / "out", layout="csv")

    assert "1 listed videos are not on the disk and are left out: late.avi" in lines
    assert {entry.id for entry in after.entries} - {entry.id for entry in before} == {"late.avi"}


def test_prep_quarantines_a_segment_beyond_the_end(
    tmp_path: Path, folder: Path, run_prep: RunPrep
) -> None:
    done = run_prep(
        table(folder, *ROWS, "long.mp4,jump,train,50,60,\n"), tmp_path / "out", layout="csv"
    )

    quarantine = (done.folder / "quarantine.csv").read_text()
    assert "long.mp4#50-60,empty-cut,long.mp4: no frame in its seconds 50-60" in quarantine
    assert len(done.entries) == 4


def test_plan_of_whole_files_has_size_time_label_and_group(finished: PreparedDataset) -> None:
    plan = json.loads((finished.folder / "plan.json").read_text())

    for clip, (num_bytes, mtime_ns, label, group) in plan["clips"].items():
        class_name, _, name = clip.partition("/")
        assert [type(value) for value in (num_bytes, mtime_ns, label)] == [int, int, int]
        assert group == f"{class_name}/{name.split('_')[2]}"


def test_kinetics_is_prepared_from_clips_and_whole_videos(
    tmp_path: Path, folder: Path, run_prep: RunPrep
) -> None:
    os.rename(folder / "short.avi", folder / "BBBBBBBBBBB_000003_000013.avi")
    header = "label,youtube_id,time_start,time_end,split,is_cc\n"
    train, val = folder / "train.csv", folder / "val.csv"
    train.write_text(header + "jump,long,1,3,train,0\njump,gone,1,3,train,0\n")
    val.write_text(header + '"say ""hi""",BBBBBBBBBBB,3,13,val,0\n')
    lines: list[str] = []

    done = run_prep(
        folder, tmp_path / "out", layout="kinetics", annotations=(train, val), lines=lines
    )

    assert [(entry.id, entry.num_frames) for entry in done.entries] == [
        ("BBBBBBBBBBB_000003_000013.avi", 8),
        ("long.mp4#1-3", 50),
    ]
    assert done.classes == ("jump", 'say "hi"')
    assert any("1 listed videos are not on the disk" in line for line in lines)


def test_annotated_sets_need_their_annotations(
    tmp_path: Path, folder: Path, run_prep: RunPrep
) -> None:
    with pytest.raises(UsageError, match="--annotations"):
        run_prep(folder, tmp_path / "out", layout="vggsound")


def test_hmdb51_is_prepared_with_its_official_splits(
    tmp_path: Path, make_video: MakeVideo, run_prep: RunPrep
) -> None:
    names = [f"Film_{number}_wave_u_cm_np1_fr_med_0.avi" for number in range(2)]
    for name in names:
        make_video(tmp_path / "hmdb51_org" / "wave" / name)
    (tmp_path / "lists").mkdir()
    lines = "".join(f"{name} {part} \n" for name, part in zip(names, "12", strict=True))
    (tmp_path / "lists" / "wave_test_split1.txt").write_text(lines)

    done = run_prep(tmp_path / "hmdb51_org", tmp_path / "out", layout="hmdb51")

    assert [(entry.id, entry.group) for entry in done.subset("1", "test")] == [
        (f"wave/{names[1]}", "Film_1_wave")
    ]


def test_ucf_mini_as_a_table_is_ucf_mini(shared: Path, tmp_path: Path, run_prep: RunPrep) -> None:
    root = shared / "data" / "ucf-mini" / "UCF-101"
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.avi"))[:12]
    rows = [f"{name},{name.split('/')[0]}," for name in names]
    path = tmp_path / "mini.csv"
    sides = ["train" if number % 4 else "test" for number in range(len(rows))]
    lines = [row + side for row, side in zip(rows, sides, strict=True)]
    path.write_text("path,label,split\r\n" + "\r\n".join(lines), encoding="utf-8-sig")

    done = run_prep(path, tmp_path / "out", layout="csv", root=root)

    assert [entry.id for entry in done.entries] == names
    assert len(done.subset("1", "test")) == 3
