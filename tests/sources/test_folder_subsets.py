"""Folders called train and test are sides, whatever else lies beside them."""

from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.sources.folder import has_side_folders

BOTH = ("train/cat/a.mp4", "test/cat/b.mp4")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


@pytest.mark.parametrize(
    "beside",
    [
        ".ipynb_checkpoints/cat/a.mp4",
        "annotations/boxes.json",
        "__MACOSX/cat/._a.mp4",
        "loose.mp4",
        "val/unsorted.mp4",
        "prepared/plan.json",
    ],
)
def test_layout_ignores_folders_without_classes(tmp_path: Path, beside: str) -> None:
    assert has_side_folders(touch(tmp_path, *BOTH, beside))


@pytest.mark.parametrize("other", ["val", "Validation", "testing"])
def test_train_and_one_other_are_enough(tmp_path: Path, other: str) -> None:
    assert has_side_folders(touch(tmp_path, "Train/cat/a.mp4", f"{other}/cat/b.mp4"))


@pytest.mark.parametrize(
    "names",
    [
        ("cat/a.mp4", "dog/b.mp4"),
        ("train/a.mp4", "plane/b.mp4"),
        ("train/a.mp4",),
        ("test/a.mp4", "plane/more/b.mp4"),
    ],
)
def test_layout_of_folder_without_folders_is_a_class_by_any_name(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    assert not has_side_folders(touch(tmp_path, *names))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            (*BOTH, "dog/c.mp4"),
            r"class folders in train, test and beside them dog: move .* or give .*train; if",
        ),
        (("train/a.mp4", "test/b.mp4"), r"are directly in test, train, expected class folders"),
        (("train/cat/a.mp4",), r"in train alone, expected some in train and some in test or val"),
        (("val/cat/a.mp4", "test/cat/b.mp4"), r"in test, val alone, expected some in train"),
    ],
)
def test_layout_with_two_readings_is_refused(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        has_side_folders(touch(tmp_path, *names))
