"""Files of features: what is read, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from avme.errors import ArtifactError, MismatchError
from avme.features.file import read_facts, read_features, require_same

WriteFile = Callable[..., Path]
FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def path(tmp_path: Path, write_file: WriteFile) -> Path:
    subset = ["train", "train", "test", "test"]
    return write_file(tmp_path / "f.h5", FEATURES, [0, 1, 2, 1], subset)


def test_read_features_returns_columns_and_facts(path: Path) -> None:
    table = read_features(path)

    assert table.id == ("clip 0", "clip 1", "clip 2", "clip 3")
    assert table.classes == ("A", "B", "C")
    assert table.facts["stage"] == "visual"
    assert table.facts == read_facts(path)
    np.testing.assert_array_equal(table.features, FEATURES)


def test_rows_of_a_subset_are_its_clips_in_order(path: Path) -> None:
    rows = read_features(path).rows("test")

    assert rows.id == ("clip 2", "clip 3")
    assert rows.class_name == ("C", "B")
    assert rows.group == ("g1", "g1")
    np.testing.assert_array_equal(rows.features, FEATURES[2:])


def test_rows_of_audio_leave_out_and_count_clips_without_audio(
    tmp_path: Path, write_file: WriteFile
) -> None:
    given: dict[str, Any] = {"has_audio": [True, False, True, False]}
    subset = ["train", "train", "train", "test"]
    audio = write_file(tmp_path / "a.h5", FEATURES, [0, 1, 2, 1], subset, stage="audio", **given)
    visual = write_file(tmp_path / "v.h5", FEATURES, [0, 1, 2, 1], subset, **given)

    rows = read_features(audio).rows("train")

    assert (rows.id, rows.num_left_out) == (("clip 0", "clip 2"), 1)
    assert read_features(visual).rows("train").num_left_out == 0
    assert read_features(visual).rows("train", with_audio=True).num_left_out == 1
    with pytest.raises(ArtifactError, match="no clip with usable audio of the test list"):
        read_features(audio).rows("test")


def test_rows_of_an_absent_subset_is_an_error(tmp_path: Path, write_file: WriteFile) -> None:
    path = write_file(tmp_path / "f.h5", FEATURES, [0, 1, 2, 1], ["test"] * 4)

    with pytest.raises(ArtifactError, match="has no clip of the train list"):
        read_features(path).rows("train")


def test_rows_of_slots_are_joined(tmp_path: Path, write_file: WriteFile) -> None:
    slots = np.arange(24).reshape(4, 2, 3)
    path = write_file(tmp_path / "f.h5", slots, [0, 1, 2, 1], ["train"] * 4, pool="slots")

    np.testing.assert_array_equal(read_features(path).rows("train").features, slots.reshape(4, 6))


def other_format(file: h5py.File) -> None:
    file.attrs["format"] = 99


def no_fact(file: h5py.File) -> None:
    del file.attrs["stage"]


def short(file: h5py.File) -> None:
    del file["group"]
    file["group"] = np.array([b"g"])


def wrong_label(file: h5py.File) -> None:
    file["label"][0] = 7


def not_finite(file: h5py.File) -> None:
    file["features"][0, 0] = np.nan


def wide(file: h5py.File) -> None:
    del file["features"]
    file["features"] = np.zeros((4, 3))


def link(file: h5py.File) -> None:
    del file["features"]
    file["features"] = h5py.ExternalLink("/etc/hostname", "features")


def virtual(file: h5py.File) -> None:
    del file["features"]
    layout = h5py.VirtualLayout(shape=(4, 3), dtype=np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "features", shape=(4, 3))
    file.create_virtual_dataset("features", layout)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_format, "format 99, expected 1"),
        (no_fact, "stage"),
        (short, "different lengths"),
        (wrong_label, "outside the list of classes"),
        (not_finite, "not finite"),
        (wide, "features do not fit"),
        (link, "link to another place"),
        (virtual, "stored in other files"),
    ],
)
def test_damaged_file_is_refused_in_one_line(
    change: Callable[[h5py.File], None], said: str, path: Path
) -> None:
    with h5py.File(path, "r+") as file:
        change(file)

    with pytest.raises(ArtifactError, match="run `avme embed` again") as caught:
        read_features(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no HDF5 file"])
def test_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    path.write_bytes(content)

    with pytest.raises(ArtifactError, match=r"f\.h5 cannot be read as features"):
        read_facts(path)


def test_link_in_place_of_a_file_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link.h5").symlink_to(path)

    with pytest.raises(ArtifactError, match="link or no regular file"):
        read_features(tmp_path / "link.h5")


def test_require_same_names_every_fact_that_differs(path: Path) -> None:
    facts = read_facts(path)
    require_same(path, {**facts, "precision": "bfloat16", "leak": "moved"})

    with pytest.raises(MismatchError, match="features of another stage, number of segments: "):
        require_same(path, {**facts, "stage": "audio", "segments": 7})
