"""Videos are found where a layout says they are, and nowhere else."""

import os
from pathlib import Path

import pytest

from avme.data.discover import Layout, discover
from avme.errors import UsageError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def test_ucf101_names_give_class_and_group(tmp_path: Path) -> None:
    touch(tmp_path, "Juggling/v_Juggling_g03_c12.avi", "Archery/v_Archery_g25_c01.AVI")

    archery, juggling = discover(tmp_path, "ucf101")

    assert archery.id == "Archery/v_Archery_g25_c01.AVI"
    assert (juggling.class_name, juggling.group, juggling.part) == ("Juggling", "g03", None)


def test_ucf101_ignores_what_is_not_named_as_it_is(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "Archery/v_Archery_g01_c01.avi",
        "Archery/notes.txt",
        "Archery/holiday.avi",
        "Archery/.v_Archery_g01_c02.avi",
        "v_Archery_g01_c03.avi",
    )

    assert [clip.id for clip in discover(tmp_path, "ucf101")] == ["Archery/v_Archery_g01_c01.avi"]


def test_folders_are_classes_however_deep_their_videos_lie(tmp_path: Path) -> None:
    touch(tmp_path, "dog/a.mp4", "dog/more/deep/b.MKV", "cat/a.mp4", "cat/readme.md")

    clips = discover(tmp_path, "folder")

    assert [(clip.id, clip.class_name) for clip in clips] == [
        ("cat/a.mp4", "cat"),
        ("dog/a.mp4", "dog"),
        ("dog/more/deep/b.MKV", "dog"),
    ]
    assert all(clip.group == clip.id for clip in clips)


def test_train_and_test_folders_are_parts_not_classes(tmp_path: Path) -> None:
    touch(tmp_path, "train/dog/a.mp4", "val/dog/b.mp4", "test/dog/c.mp4")

    clips = discover(tmp_path, "folder")

    assert {clip.class_name for clip in clips} == {"dog"}
    assert [clip.part for clip in clips] == ["test", "train", "val"]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "plane/b.mp4")

    assert {clip.class_name for clip in discover(tmp_path, "folder")} == {"train", "plane"}


def test_ucf_like_names_keep_their_group_in_a_plain_folder(tmp_path: Path) -> None:
    touch(tmp_path, "Archery/v_Archery_g04_c01.mp4")

    assert discover(tmp_path, "folder")[0].group == "g04"


def test_a_link_that_leaves_the_folder_is_ignored(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside", "secret.mp4")
    inside = touch(tmp_path / "videos", "dog/a.mp4")
    (inside / "dog" / "out.mp4").symlink_to(outside / "secret.mp4")
    (inside / "dog" / "in.mp4").symlink_to(inside / "dog" / "a.mp4")
    (inside / "dog" / "circle.mp4").symlink_to(inside / "dog" / "circle.mp4")
    (inside / "cat").symlink_to(outside)

    clips = discover(inside, "folder")

    assert [clip.id for clip in clips] == ["dog/a.mp4", "dog/in.mp4"]


def test_names_that_would_break_a_list_are_escaped(tmp_path: Path) -> None:
    touch(tmp_path, "dog/two\nlines.mp4", "dog/spaced ü.mp4")
    broken = os.fsdecode(bytes(tmp_path / "dog") + b"/\xff.mp4")
    Path(broken).write_bytes(b"x")

    ids = [clip.id for clip in discover(tmp_path, "folder")]

    assert ids == ["dog/%FF.mp4", "dog/spaced ü.mp4", "dog/two%0Alines.mp4"]


def test_no_such_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        discover(tmp_path / "none", "ucf101")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")

    with pytest.raises(UsageError, match="is a file"):
        discover(tmp_path / "a.mp4", "folder")


@pytest.mark.parametrize("layout", ["ucf101", "folder"])
def test_a_folder_without_videos_says_what_was_expected(tmp_path: Path, layout: Layout) -> None:
    touch(tmp_path, "Archery/notes.txt", "loose.mp4")

    with pytest.raises(UsageError, match="expected") as caught:
        discover(tmp_path, layout)

    assert "\n" not in str(caught.value)
