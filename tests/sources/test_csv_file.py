"""A table of videos: what it may say, and what it may not reach."""

from pathlib import Path

import pytest

from avme.config.prep import PrepConfig
from avme.errors import UsageError
from avme.media.span import Span
from avme.sources.csv_file import find_csv, read_csv_clips
from avme.sources.splits import SourceResult

FILES = ("cat/a.mp4", "cat/b.mp4", "dog/c.mp4", "dog/d.mp4")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def table(folder: Path, *lines: str) -> Path:
    path = folder / "clips.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def find(path: Path) -> SourceResult:
    return find_csv(path, None, PrepConfig(test_fraction=0.5))


def test_paths_count_from_the_tables_folder(videos: Path) -> None:
    path = table(videos, "path,label,extra", "dog/c.mp4,dog,9", "cat/../cat/a.mp4,cat,")

    clips = read_csv_clips(path, None).clips

    assert [(clip.id, clip.class_name, clip.group) for clip in clips] == [
        ("cat/a.mp4", "cat", "cat/a.mp4"),
        ("dog/c.mp4", "dog", "dog/c.mp4"),
    ]
    assert all(clip.path.is_file() and clip.span is None for clip in clips)


def test_paths_count_from_the_root_when_it_is_given(tmp_path: Path, videos: Path) -> None:
    inside = str(videos / "dog" / "c.mp4")
    path = table(tmp_path, "path,label", "cat\\a.mp4,cat", f"{inside},dog")

    assert [clip.id for clip in read_csv_clips(path, videos).clips] == ["cat/a.mp4", "dog/c.mp4"]


def test_cuts_of_one_file_are_clips_of_one_group(videos: Path) -> None:
    path = table(
        videos,
        "path,label,start,end",
        "cat/a.mp4,cat,1.50,3",
        "cat/a.mp4,cat,3,",
        "cat/a.mp4,cat,,1",
        "cat/b.mp4,cat,,",
    )

    clips = read_csv_clips(path, None).clips

    assert [(clip.id, clip.span, clip.group) for clip in clips] == [
        ("cat/a.mp4#0-1", Span(0.0, 1.0), "cat/a.mp4"),
        ("cat/a.mp4#1.5-3", Span(1.5, 3.0), "cat/a.mp4"),
        ("cat/a.mp4#3-", Span(3.0), "cat/a.mp4"),
        ("cat/b.mp4", None, "cat/b.mp4"),
    ]


def test_read_csv_clips_with_path_outside_the_root_is_refused_with_line(
    tmp_path: Path, videos: Path
) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (videos / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (videos / "folder").symlink_to(tmp_path)

    for name in (
        "../secret.mp4",
        "cat/../../secret.mp4",
        "..\\secret.mp4",
        str(tmp_path / "secret.mp4"),
        "/dev/zero",
        "link.mp4",
        "folder/secret.mp4",
        "..",
    ):
        path = table(videos, "path,label", "cat/a.mp4,cat", f"{name},cat")
        with pytest.raises(UsageError, match=r"clips\.csv:3: found the path .*, expected one ins"):
            read_csv_clips(path, None)


def test_links_inside_the_root_are_followed_and_in_the_group_of_their_file(videos: Path) -> None:
    (videos / "cat" / "same.mp4").symlink_to(videos / "cat" / "a.mp4")
    (videos / "other").symlink_to(videos / "dog")
    path = table(videos, "path,label", "cat/same.mp4,cat", "other/c.mp4,dog", "dog/c.mp4,dog")

    assert [(clip.id, clip.group) for clip in read_csv_clips(path, None).clips] == [
        ("cat/same.mp4", "cat/a.mp4"),
        ("dog/c.mp4", "dog/c.mp4"),
        ("other/c.mp4", "dog/c.mp4"),
    ]


def test_read_csv_clips_with_linked_root_reads_it(tmp_path: Path, videos: Path) -> None:
    (tmp_path / "link").symlink_to(videos)
    path = table(tmp_path, "path,label", "cat/a.mp4,cat", f"{tmp_path}/link/dog/c.mp4,dog")

    found = read_csv_clips(path, tmp_path / "link").clips

    assert [clip.id for clip in found] == ["cat/a.mp4", "dog/c.mp4"]


def test_listed_files_that_are_not_there_are_counted_and_named(videos: Path) -> None:
    (videos / "circle.mp4").symlink_to(videos / "circle.mp4")
    strange = ("gone.mp4", "x" * 5000, "cat", "circle.mp4")
    lines = [f"{name},cat,test" for name in (*strange, "cat/a.mp4")]
    path = table(videos, "path,label,split", *lines, "dog/c.mp4,dog,train")

    found = find(path)

    assert tuple(found.splits[0].test) == ("cat/a.mp4",)
    assert found.warnings[0].startswith("4 listed videos are not on the disk and are left out: cat")
    assert "gone.mp4" in found.warnings[0]


def test_read_csv_clips_with_empty_subset_names_what_is_missing(videos: Path) -> None:
    path = table(videos, "path,label,split", "cat/a.mp4,cat,train", "gone.mp4,cat,test")

    with pytest.raises(UsageError, match=r"found 1 train .*; 1 listed videos .* gone\.mp4"):
        find(path)


def test_read_csv_clips_of_header_alone_has_no_rows(videos: Path) -> None:
    with pytest.raises(UsageError, match=r"clips\.csv has no rows below its header"):
        read_csv_clips(table(videos, "path,label"), None)


def test_read_csv_clips_without_any_video_names_the_root(videos: Path) -> None:
    path = table(videos, "path,label", "gone.mp4,cat")

    with pytest.raises(UsageError, match=r"none of its 1 videos is below .*gone\.mp4.*--root"):
        read_csv_clips(path, None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cat/a.mp4,cat,train,5,5", r":3: found a cut from 5 to 5 s, expected 0 <= start < end"),
        ("cat/a.mp4,cat,train,5,1", r":3: found a cut"),
        ("cat/a.mp4,cat,train,0:05,1", r":3: found start '0:05', expected seconds"),
        ("cat/a.mp4,,train,,", r":3: label is empty"),
        (",cat,train,,", r":3: path is empty"),
        ("cat/a.mp4,cat,dev,,", r":3: found split 'dev', expected train, val or test"),
        ("cat/a.mp4,cat,,,", r":3: found split '', expected"),
        ("dog/d.mp4,dog,test,1.0,2", r":3: dog/d\.mp4#1-2 is already in line 2"),
    ],
)
def test_read_csv_clips_with_unusable_value_names_its_line(
    videos: Path, line: str, message: str
) -> None:
    path = table(videos, "path,label,split,start,end", "dog/d.mp4,dog,train,1,2", line)

    with pytest.raises(UsageError, match=message):
        read_csv_clips(path, None)


def test_train_and_test_are_as_listed_and_val_is_neither(videos: Path) -> None:
    sides = ("train", "val", "Test", "training")
    lines = [f"{name},x,{side}" for name, side in zip(FILES, sides, strict=True)]

    found = find(table(videos, "path,label,split", *lines))

    assert tuple(found.splits[0].train) == ("cat/a.mp4", "dog/d.mp4")
    assert tuple(found.splits[0].test) == ("dog/c.mp4",)
    assert found.warnings == ("split 1: 1 val clips neither train nor test",)


def test_val_is_tested_when_nothing_else_is(videos: Path) -> None:
    path = table(videos, "path,label,split", "cat/a.mp4,x,train", "cat/b.mp4,x,val")

    found = find(path)

    assert tuple(found.splits[0].test) == ("cat/b.mp4",)
    assert found.warnings == ("split 1: there are no test clips, 1 val clips are tested",)


def test_read_csv_clips_with_split_without_subset_is_refused(videos: Path) -> None:
    path = table(videos, "path,label,split", "cat/a.mp4,x,train")

    with pytest.raises(UsageError, match="found 1 train clips on the disk, expected"):
        find(path)


def test_read_csv_clips_with_segments_of_a_file_in_both_subsets_warns(videos: Path) -> None:
    path = table(
        videos, "path,label,split,start,end", "cat/a.mp4,x,train,0,1", "cat/a.mp4,y,test,1,2"
    )

    assert any("warning: split 1 has 1 groups" in warning for warning in find(path).warnings)


def test_read_csv_clips_without_split_column_draws_whole_groups(videos: Path) -> None:
    lines = [f"{name},x,{group}" for name, group in zip(FILES, "abab", strict=True)]

    split = find(table(videos, "path,label,group", *lines)).splits[0]

    assert {tuple(split.train), tuple(split.test)} == {FILES[0::2], FILES[1::2]}


def test_read_csv_clips_of_segments_with_unknown_groups_draws_no_split(videos: Path) -> None:
    header = "path,label,start,end,group"
    cuts = ["cat/a.mp4,x,0,1", "cat/a.mp4,x,1,2"]
    others = [f"{name},x,,," for name in FILES[1:]]

    with pytest.raises(UsageError, match=r"several cuts of cat/a\.mp4 and no split: add a column"):
        find(table(videos, header, *(f"{cut}," for cut in cuts), *others))

    split = find(table(videos, header, *(f"{cut},one" for cut in cuts), *others)).splits[0]
    assert {"cat/a.mp4#0-1", "cat/a.mp4#1-2"} <= {*split.train} or {
        "cat/a.mp4#0-1",
        "cat/a.mp4#1-2",
    } <= {*split.test}


def test_names_that_would_break_a_list_are_escaped(videos: Path) -> None:
    path = table(videos, "path,label,group", '"cat/a.mp4","two\nlines, ""quoted""","g\n1"')

    (clip,) = read_csv_clips(path, None).clips

    assert "\n" not in clip.class_name + clip.group


def test_read_csv_clips_with_root_that_is_no_folder_is_refused(videos: Path) -> None:
    path = table(videos, "path,label", "cat/a.mp4,x")

    with pytest.raises(UsageError, match="is not a folder"):
        read_csv_clips(path, videos / "cat" / "a.mp4")
