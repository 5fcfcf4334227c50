"""Splits as lists of ids, and warnings that several layouts share."""

from pathlib import Path

import numpy as np
import pytest

from avme.errors import UsageError
from avme.sources.clip_table import SourceClip, build_clip_table
from avme.sources.groups import GroupIndex
from avme.sources.splits import (
    explained_by,
    find_lists_folder,
    split_at,
    warn_of_missing_videos,
    warn_of_shared_groups,
    warn_of_unlisted_classes,
)

CLIPS = build_clip_table(
    SourceClip(f"{name}/{number}.mp4", Path(name), name, f"{name}/g{number % 2}", None, 1, 1)
    for name in "AB"
    for number in range(4)
)


def test_split_at_with_repeated_indices_lists_every_id_once_in_order() -> None:
    split = split_at("1", CLIPS, np.array([2, 0, 2]), np.array([5]))

    assert tuple(split.train) == ("A/0.mp4", "A/2.mp4")
    assert len(split.train) == 2
    assert "A/2.mp4" in split.train
    assert "A/1.mp4" not in split.train
    assert "elsewhere" not in split.train


def test_find_lists_folder_looks_in_and_beside_the_videos_past_unreadable_folders(
    tmp_path: Path,
) -> None:
    for name in ("closed", "lists", "videos"):
        (tmp_path / name).mkdir()

    def has_lists(folder: Path) -> bool:
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return folder.name == "lists"

    assert find_lists_folder(tmp_path / "videos", has_lists) == (tmp_path / "lists").resolve()
    assert find_lists_folder(tmp_path / "videos", lambda folder: False) is None


def test_explained_by_with_warnings_adds_them_to_the_error() -> None:
    pattern = r"^no split; 1 video left out; 2 links$"

    with pytest.raises(UsageError, match=pattern), explained_by(["1 video left out", "2 links"]):
        raise UsageError("no split")


def test_warn_of_missing_videos_names_five_of_them() -> None:
    assert warn_of_missing_videos(0, []) == ()
    assert warn_of_missing_videos(6, "abcdef") == (
        "6 listed videos are not on the disk and are left out: a, b, c, d, e, ...",
    )


def test_warn_of_shared_groups_names_the_groups_of_both_lists() -> None:
    apart = split_at("1", CLIPS, np.array([0, 2]), np.array([1, 3]))
    shared = split_at("2", CLIPS, np.array([0, 1]), np.array([2, 7]))

    assert warn_of_shared_groups(apart, GroupIndex(CLIPS)) == ()
    assert warn_of_shared_groups(shared, GroupIndex(CLIPS)) == (
        "warning: split 2 has 1 groups in train and test (A/g0): its accuracy is overestimated",
    )


def test_warn_of_unlisted_classes_names_classes_in_no_list() -> None:
    both = split_at("1", CLIPS, np.array([0]), np.array([5]))
    one = split_at("2", CLIPS, np.array([0]), np.array([1]))

    assert warn_of_unlisted_classes([one, both], CLIPS) == ()
    (warning,) = warn_of_unlisted_classes([one], CLIPS)
    assert "1 classes (B)" in warning
