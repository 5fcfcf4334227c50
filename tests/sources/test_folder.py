"""Videos are found where a layout says they are, and nowhere else."""

import os
from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.sources.folder import Layout, find_videos


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def test_ucf101_names_give_class_and_group(tmp_path: Path) -> None:
    touch(tmp_path, "Juggling/v_Juggling_g03_c12.avi", "Archery/v_Archery_g25_c01.AVI")

    archery, juggling = find_videos(tmp_path, "ucf101", [])

    assert archery.id == "Archery/v_Archery_g25_c01.AVI"
    assert (juggling.class_name, juggling.group, juggling.subset) == (
        "Juggling",
        "Juggling/g03",
        None,
    )


def test_ucf101_layout_ignores_other_names(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "Archery/v_Archery_g01_c01.avi",
        "Archery/notes.txt",
        "Archery/holiday.avi",
        "Archery/.v_Archery_g01_c02.avi",
        "v_Archery_g01_c03.avi",
    )

    warnings: list[str] = []
    clips = find_videos(tmp_path, "ucf101", warnings)

    assert [clip.id for clip in clips] == ["Archery/v_Archery_g01_c01.avi"]
    assert warnings == [
        "2 videos are not <Class>/v_<Class>_gXX_cYY.avi: left out, as v_Archery_g01_c03.avi, "
        "Archery/holiday.avi",
    ]


def test_find_videos_reports_a_video_outside_of_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, "dog/a.mp4", *(f"{number}.mp4" for number in range(4)))

    warnings: list[str] = []
    clips = find_videos(tmp_path, "folder", warnings)

    assert [clip.id for clip in clips] == ["dog/a.mp4"]
    assert warnings == [
        "4 videos are in no class folder: left out, as 0.mp4, 1.mp4, 2.mp4, ...",
    ]


def test_find_videos_of_a_class_folder_names_the_folder_above(tmp_path: Path) -> None:
    touch(tmp_path, "set/dog/a.mp4", "set/dog/b.mp4")

    for layout in ("folder", "ucf101", "hmdb51"):
        with pytest.raises(UsageError, match=r"its videos \(2\) are directly in it") as caught:
            find_videos(tmp_path / "set" / "dog", layout, [])
        assert str(caught.value).endswith(f"give the folder that holds it, {tmp_path / 'set'}")


def test_find_videos_with_other_names_gives_them_as_the_reason(tmp_path: Path) -> None:
    touch(tmp_path, "Archery/holiday.avi")

    with pytest.raises(
        UsageError, match=r"its videos \(1\) have other names, as Archery/holiday\.avi;"
    ):
        find_videos(tmp_path, "ucf101", [])


def test_folders_are_classes_however_deep_their_videos_lie(tmp_path: Path) -> None:
    touch(tmp_path, "dog/a.mp4", "dog/more/deep/b.MKV", "cat/a.mp4", "cat/readme.md")

    clips = find_videos(tmp_path, "folder", [])

    assert [(clip.id, clip.class_name) for clip in clips] == [
        ("cat/a.mp4", "cat"),
        ("dog/a.mp4", "dog"),
        ("dog/more/deep/b.MKV", "dog"),
    ]
    assert all(clip.group == clip.id for clip in clips)


def test_train_and_test_folders_are_parts_not_classes(tmp_path: Path) -> None:
    touch(tmp_path, "train/dog/a.mp4", "val/dog/b.mp4", "test/dog/c.mp4")

    clips = find_videos(tmp_path, "folder", [])

    assert {clip.class_name for clip in clips} == {"dog"}
    assert [clip.subset for clip in clips] == ["test", "train", "val"]


def test_ucf_like_names_keep_their_group_in_a_plain_folder(tmp_path: Path) -> None:
    touch(tmp_path, "Archery/v_Archery_g04_c01.mp4")

    assert find_videos(tmp_path, "folder", [])[0].group == "Archery/g04"


def test_find_videos_counts_a_file_with_several_links_once(tmp_path: Path) -> None:
    touch(tmp_path, "dog/a.mp4", ".store/b.mp4", "dog/v_dog_g03_c01.mp4")
    (tmp_path / "dog" / "copy.mp4").symlink_to("a.mp4")
    (tmp_path / "dog" / "kept.mp4").symlink_to(tmp_path / ".store" / "b.mp4")
    (tmp_path / "dog" / "v_dog_g07_c01.mp4").symlink_to("v_dog_g03_c01.mp4")
    (tmp_path / "dog" / "v_dog_g08_c01.mp4").symlink_to(tmp_path / ".store" / "b.mp4")
    (tmp_path / "wolf").symlink_to("dog")

    warnings: list[str] = []
    clips = find_videos(tmp_path, "folder", warnings)

    assert {clip.id: clip.group for clip in clips} == {
        "dog/a.mp4": "dog/a.mp4",
        "dog/kept.mp4": "dog/kept.mp4",
        "dog/v_dog_g03_c01.mp4": "dog/g03",
    }
    assert warnings == [
        "9 videos are links to files that are clips already: left out, as dog/copy.mp4, "
        "dog/v_dog_g07_c01.mp4, dog/v_dog_g08_c01.mp4, ...",
    ]


def test_find_videos_takes_the_name_of_a_link(tmp_path: Path) -> None:
    touch(tmp_path, "dog/x.avi", "dog/v_dog_g03_c01.avi")
    (tmp_path / "dog" / "v_dog_g07_c01.avi").symlink_to("x.avi")
    (tmp_path / "dog" / "v_dog_g08_c01.avi").symlink_to("x.avi")

    warnings: list[str] = []
    clips = find_videos(tmp_path, "ucf101", warnings)

    assert [clip.group for clip in clips] == ["dog/g03", "dog/g07"]
    assert len(warnings) == 2  # on x.avi, and on the second link to it


def test_find_videos_ignores_a_link_between_subsets(tmp_path: Path) -> None:
    touch(tmp_path, "train/A/1.mp4", "train/B/2.mp4", "test/A/3.mp4", "test/B/4.mp4")
    (tmp_path / "test" / "B" / "5.mp4").symlink_to(tmp_path / "train" / "A" / "1.mp4")

    assert [clip.id for clip in find_videos(tmp_path, "folder", [])] == [
        "test/A/3.mp4",
        "test/B/4.mp4",
        "train/A/1.mp4",
        "train/B/2.mp4",
    ]


def test_hard_links_are_clips_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, "dog/a.mp4")
    os.link(tmp_path / "dog" / "a.mp4", tmp_path / "dog" / "b.mp4")

    warnings: list[str] = []
    clips = find_videos(tmp_path, "folder", warnings)

    assert [clip.group for clip in clips] == ["dog/a.mp4", "dog/b.mp4"]
    assert not warnings


def test_names_that_would_break_a_list_are_escaped(tmp_path: Path) -> None:
    touch(tmp_path, "dog/two\nlines.mp4", "dog/spaced ü.mp4")
    broken = os.fsdecode(bytes(tmp_path / "dog") + b"/\xff.mp4")
    Path(broken).write_bytes(b"x")

    ids = [clip.id for clip in find_videos(tmp_path, "folder", [])]

    assert ids == ["dog/%FF.mp4", "dog/spaced ü.mp4", "dog/two%0Alines.mp4"]


def test_find_videos_of_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        find_videos(tmp_path / "none", "ucf101", [])


def test_find_videos_of_a_file_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")

    with pytest.raises(UsageError, match="is a file"):
        find_videos(tmp_path / "a.mp4", "folder", [])


@pytest.mark.parametrize("layout", ["ucf101", "folder"])
def test_find_videos_of_empty_folder_names_what_was_expected(
    tmp_path: Path, layout: Layout
) -> None:
    touch(tmp_path, "Archery/notes.txt", "loose.mp4")

    with pytest.raises(UsageError, match="expected") as caught:
        find_videos(tmp_path, layout, [])

    assert "\n" not in str(caught.value)


def test_groups_of_ucf101_are_counted_in_every_class(tmp_path: Path) -> None:
    touch(tmp_path, "Archery/v_Archery_g08_c01.avi", "Basketball/v_Basketball_g08_c01.avi")

    for layout in ("ucf101", "folder"):
        groups = [clip.group for clip in find_videos(tmp_path, layout, [])]

        assert groups == ["Archery/g08", "Basketball/g08"]


def test_find_videos_groups_by_recording_in_any_folder(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "HandstandPushups/v_HandStandPushups_g01_c01.avi",
        "HandstandPushups/v_HandstandPushups_g1_c02.avi",
        "sports/v_Archery_g08_c01.avi",
        "sports/v_Basketball_g08_c01.avi",
    )

    groups = {clip.id.split("/")[1]: clip.group for clip in find_videos(tmp_path, "folder", [])}

    assert groups == {
        "v_HandStandPushups_g01_c01.avi": "HandstandPushups/g01",
        "v_HandstandPushups_g1_c02.avi": "HandstandPushups/g01",
        "v_Archery_g08_c01.avi": "Archery/g08",
        "v_Basketball_g08_c01.avi": "Basketball/g08",
    }


def test_videos_that_are_named_otherwise_are_answered_with_prep_folder(tmp_path: Path) -> None:
    touch(tmp_path, "my videos/cat/1.mp4", "my videos/dog/2.mp4")

    with pytest.raises(UsageError) as caught:
        find_videos(tmp_path / "my videos", "ucf101", [])

    assert str(caught.value) == (
        f"{tmp_path}/my videos holds no <Class>/v_<Class>_gXX_cYY.avi: its videos (2) have "
        "other names, as cat/1.mp4, dog/2.mp4; for one folder per class, run avme prep folder "
        f"'{tmp_path}/my videos'"
    )


def test_find_videos_above_ucf101_names_ucf101(tmp_path: Path) -> None:
    touch(tmp_path, "UCF-101/Archery/v_Archery_g01_c01.avi", "UCF-101/Biking/v_Biking_g01_c01.avi")
    touch(tmp_path, "old/UCF-101/Archery/v_Archery_g01_c01.avi", "notes/film.mp4")

    with pytest.raises(UsageError) as caught:
        find_videos(tmp_path, "ucf101", [])

    assert str(caught.value) == (
        f"{tmp_path} holds no <Class>/v_<Class>_gXX_cYY.avi, but {tmp_path}/UCF-101 does (2 "
        f"videos): did you mean {tmp_path}/UCF-101?"
    )


def test_find_videos_above_the_class_folders_warns(tmp_path: Path) -> None:
    touch(tmp_path, "pets/cat/a.mp4", "pets/dog/b.mp4")
    above: list[str] = []
    inside: list[str] = []
    find_videos(tmp_path, "folder", above)
    find_videos(tmp_path / "pets", "folder", inside)

    (warning,) = above

    assert warning == (
        "warning: all clips are of the class pets, whose videos are in folders (cat, dog): did you "
        f"mean {tmp_path}/pets?"
    )
    assert not inside


def test_find_videos_of_one_class_does_not_warn(tmp_path: Path) -> None:
    touch(tmp_path, "cat/a.mp4", "cat/indoors/b.mp4", "cat/outdoors/c.mp4")
    warnings: list[str] = []
    find_videos(tmp_path, "folder", warnings)

    assert not warnings
