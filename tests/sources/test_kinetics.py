"""Kinetics as it can be had: trimmed or whole, with many videos gone."""

import os
from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.media.span import Span
from avme.sources.kinetics import find_kinetics

HEADER = "label,youtube_id,time_start,time_end,split,is_cc\n"
TRAIN = (
    HEADER
    + '"tasting food, drink",--07WQ2iBlw,1,11,train,0\n'
    + '"playing ""d"" (loud)",abc_DEF-123,20,30,train,1\n'
)
VAL = HEADER + "bowling,AAAAAAAAAAA,0,10,val,0\nbowling,goneGONE-00,5,15,val,0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two trimmed clips in folders of their own, and a whole video."""
    for name in (
        "videos/train/tasting/--07WQ2iBlw_000001_000011.mp4",
        "videos/abc_DEF-123.mkv",
        "videos/val/AAAAAAAAAAA_000000_000010.mp4",
        "videos/val/other_000000_000010.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "videos"


def tables(folder: Path, *contents: str) -> list[Path]:
    paths = [folder.parent / f"{number}.csv" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content)
    return paths


def test_trimmed_clips_are_taken_and_whole_videos_cut(folder: Path) -> None:
    found = find_kinetics(folder, tables(folder, TRAIN, VAL))

    assert [(clip.id, clip.class_name, clip.group, clip.span) for clip in found.clips] == [
        ("abc_DEF-123.mkv#20-30", 'playing "d" (loud)', "abc_DEF-123", Span(20.0, 30.0)),
        (
            "train/tasting/--07WQ2iBlw_000001_000011.mp4",
            "tasting food, drink",
            "--07WQ2iBlw",
            None,
        ),
        ("val/AAAAAAAAAAA_000000_000010.mp4", "bowling", "AAAAAAAAAAA", None),
    ]
    assert tuple(found.splits[0].test) == ("val/AAAAAAAAAAA_000000_000010.mp4",)
    assert len(found.splits[0].train) == 2


def test_find_kinetics_with_missing_subset_names_what_is_missing(folder: Path) -> None:
    (folder / "val" / "AAAAAAAAAAA_000000_000010.mp4").unlink()

    with pytest.raises(UsageError, match=r"found 2 train clips .*; 2 listed videos .* AAAAAAAAAAA"):
        find_kinetics(folder, tables(folder, TRAIN, VAL))


def test_find_kinetics_counts_missing_unnamed_and_repeated_rows(folder: Path) -> None:
    repeated = HEADER + "surfing,AAAAAAAAAAA,0,10,train,0\n"

    found = find_kinetics(folder, tables(folder, TRAIN, VAL, repeated))

    assert found.warnings == (
        "1 listed videos are not on the disk and are left out: goneGONE-00_000005_000015",
        "1 annotations name a clip that an earlier one names: left out",
        "1 videos on the disk are in no annotation: left out",
        "split 1: there are no test clips, 1 val clips are tested",
    )
    assert found.clips[2].class_name == "bowling"


def test_find_kinetics_prefers_a_trimmed_clip_to_its_full_video(folder: Path) -> None:
    (folder / "abc_DEF-123_000020_000030.webm").write_bytes(b"x")

    clips = find_kinetics(folder, tables(folder, TRAIN, VAL)).clips

    assert (clips[0].id, clips[0].span) == ("abc_DEF-123_000020_000030.webm", None)


def test_test_clips_with_labels_are_tested_instead_of_val(folder: Path) -> None:
    test = HEADER.replace("val", "test") + "bowling,other,0,10,test,0\n"

    found = find_kinetics(folder, tables(folder, TRAIN, VAL, test))

    assert tuple(found.splits[0].test) == ("val/other_000000_000010.mp4",)
    assert "split 1: 1 val clips neither train nor test" in found.warnings


def test_find_kinetics_reports_a_test_file_without_labels(folder: Path) -> None:
    paths = tables(folder, TRAIN, VAL, "youtube_id,time_start,time_end,split\nother,0,10,test\n")

    found = find_kinetics(folder, paths)

    assert found.warnings[0] == f"{paths[2]} has no labels: its 1 videos are left out"
    with pytest.raises(UsageError, match="found no labelled row"):
        find_kinetics(folder, paths[2:])


def test_find_kinetics_of_folder_without_any_is_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(UsageError, match=r"none of the 2 annotated videos .*_000001_000011\.mp4"):
        find_kinetics(tmp_path / "empty", tables(folder, TRAIN))
    with pytest.raises(UsageError, match="is not a folder"):
        find_kinetics(tmp_path / "gone", tables(folder, TRAIN))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("bowling,AAAAAAAAAAA,0,10,dev,0", r"0\.csv:2: found split 'dev', expected train, val or"),
        ("bowling,AAAAAAAAAAA,10,0,val,0", r"0\.csv:2: found a cut from 10 to 0 s"),
        ("bowling,AAAAAAAAAAA,0,,val,0", r"0\.csv:2: found no time_end"),
        (",AAAAAAAAAAA,0,10,val,0", r"0\.csv:2: label is empty"),
        ("bowling,,0,10,val,0", r"0\.csv:2: youtube_id is empty"),
        ("tasting food, drink,AAAAAAAAAAA,0,10,val,0", r"0\.csv:2: found 7 values, expected 6"),
    ],
)
def test_find_kinetics_with_unusable_row_names_its_line(
    folder: Path, row: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_kinetics(folder, tables(folder, HEADER + row + "\n"))


def test_find_kinetics_opens_nothing_outside_the_folder(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (folder / "linked.mp4").symlink_to(tmp_path / "secret.mp4")
    rows = "x,../secret,0,10,train,0\nx,linked,0,10,train,0\n"

    found = find_kinetics(folder, tables(folder, TRAIN, VAL, HEADER + rows))

    assert found.warnings[0].startswith("1 links point outside")
    assert found.warnings[1].startswith("3 listed videos are not on the disk")


def test_annotations_may_come_through_a_pipe(folder: Path) -> None:
    end, start = os.pipe()
    with os.fdopen(start, "w") as file:
        file.write(TRAIN + VAL.removeprefix(HEADER))

    clips = find_kinetics(folder, [Path(f"/dev/fd/{end}")]).clips

    os.close(end)
    assert len(clips) == 3


def test_find_kinetics_prefers_a_video_to_links_to_it(folder: Path) -> None:
    (folder / "train" / "a link").symlink_to(folder / "train" / "tasting")
    (folder / "AAAAAAAAAAA_000000_000010.mp4").symlink_to("val/AAAAAAAAAAA_000000_000010.mp4")

    clips = find_kinetics(folder, tables(folder, TRAIN, VAL)).clips

    assert [clip.id.partition("#")[0] for clip in clips] == [
        "abc_DEF-123.mkv",
        "train/tasting/--07WQ2iBlw_000001_000011.mp4",
        "val/AAAAAAAAAAA_000000_000010.mp4",
    ]
