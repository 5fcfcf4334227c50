"""VGGSound's one table without a header."""

import os
from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.media.span import Span
from avme.sources.vggsound import find_vggsound

TABLE = (
    "---g-f_I2yQ,1,people marching,test\r\n"
    '--0PQM4-hqg,30,"waterfall burbling, (loud)",train\r\n'
    "--56QUhyDQM,185,playing tennis,train\r\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("---g-f_I2yQ_000001.mp4", "a/--0PQM4-hqg.mp4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "videos"


def table(folder: Path, content: str) -> Path:
    path = folder.parent / "vggsound.csv"
    path.write_bytes(content.encode())
    return path


def test_clips_are_taken_and_ten_seconds_cut_out_of_whole_videos(folder: Path) -> None:
    found = find_vggsound(folder, table(folder, TABLE))

    assert [(clip.id, clip.class_name, clip.span) for clip in found.clips] == [
        ("---g-f_I2yQ_000001.mp4", "people marching", None),
        ("a/--0PQM4-hqg.mp4#30-40", "waterfall burbling, (loud)", Span(30.0, 40.0)),
    ]
    assert tuple(found.splits[0].train) == ("a/--0PQM4-hqg.mp4#30-40",)
    assert tuple(found.splits[0].test) == ("---g-f_I2yQ_000001.mp4",)
    assert found.warnings == (
        "1 listed videos are not on the disk and are left out: --56QUhyDQM_000185",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"vggsound\.csv is empty, expected rows of youtube_id, start, label, split"),
        ("id,start,label,split\n", r"vggsound\.csv:1: found start 'start', expected seconds"),
        ("x,,dog,train\n", r"vggsound\.csv:1: start is empty"),
        ("x,1,dog,dev\n", r"vggsound\.csv:1: found split 'dev'"),
        ("x,1,dog\n", r"vggsound\.csv:1: found 3 values"),
        ("x,1,dog, barking,train\n", r"vggsound\.csv:1: found 5 values, expected 4"),
    ],
)
def test_find_vggsound_with_unusable_row_names_its_line(
    folder: Path, content: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_vggsound(folder, table(folder, content))


def test_annotations_may_come_through_a_pipe(folder: Path) -> None:
    end, start = os.pipe()
    with os.fdopen(start, "w") as file:
        file.write(TABLE)

    clips = find_vggsound(folder, Path(f"/dev/fd/{end}")).clips

    os.close(end)
    assert len(clips) == 2
