"""UCF-101's official lists, as they are and as they are found in the wild."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest

from avme.errors import UsageError
from avme.sources.clip_table import ClipTable, SourceClip, build_clip_table
from avme.sources.ucf101 import find_lists, read_list, splits_from_lists


def clips_named(names: Iterable[str]) -> ClipTable:
    return build_clip_table(
        SourceClip(
            id=name,
            path=Path(name),
            class_name=PurePosixPath(name).parent.name,
            group=name.split("_g")[-1][:2],
            subset=None,
            num_bytes=1,
            mtime_ns=1,
        )
        for name in set(names)
    )


def write_lists(folder: Path, train: str, test: str, classes: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainlist01.txt").write_bytes(train.encode())
    (folder / "testlist01.txt").write_bytes(test.encode())
    if classes is not None:
        (folder / "classInd.txt").write_bytes(classes.encode())
    return folder


A1, A2, B1 = "A/v_A_g08_c01.avi", "A/v_A_g01_c01.avi", "B/v_B_g08_c01.avi"


@pytest.mark.slow
def test_splits_from_official_lists_have_the_official_counts(shared: Path) -> None:
    folder = shared / "data" / "ucfTrainTestlist"
    names = {
        name
        for part in ("train", "test")
        for number in (1, 2, 3)
        for name, _ in read_list(folder / f"{part}list0{number}.txt")
    }
    warnings: list[str] = []

    splits = splits_from_lists(folder, clips_named(names), warnings)

    assert len(names) == 13_320
    assert [(len(split.train), len(split.test)) for split in splits] == [
        (9537, 3783),
        (9586, 3734),
        (9624, 3696),
    ]
    assert len(warnings) == 1  # where the lists are; no warning


def test_find_ucf101_accepts_both_spellings_of_handstandpushups(shared: Path) -> None:
    folder = shared / "data" / "ucfTrainTestlist"
    spelt = [f"HandstandPushups/v_HandStandPushups_g{group:02d}_c01.avi" for group in range(1, 26)]

    split = splits_from_lists(folder, clips_named(spelt), [])[0]

    assert len(split.train) == 18
    assert len(split.test) == 7


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("label", ["", " 1"])
def test_line_ends_and_labels_do_not_matter(tmp_path: Path, ending: str, label: str) -> None:
    folder = write_lists(tmp_path, f"{A1} 1{ending}{B1} 2{ending}", f"{A2}{label}{ending}{ending}")

    split = splits_from_lists(folder, clips_named([A1, A2, B1]), [])[0]

    assert list(split.train) == [A1, B1]
    assert list(split.test) == [A2]


def test_splits_from_lists_with_converted_clip_finds_it(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, f"{A1} 1\n", f"{A2}\n")
    converted = [name.replace(".avi", ".mp4") for name in (A1, A2)]

    split = splits_from_lists(folder, clips_named(converted), [])[0]

    assert list(split.train) == [converted[0]]


def test_splits_from_lists_count_names_that_are_not_on_disk(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, f"{A1}\n{B1}\n", f"{A2}\n")
    warnings: list[str] = []

    splits_from_lists(folder, clips_named([A1, A2, "A/v_A_g20_c01.avi"]), warnings)

    assert any("1 train and 0 test names" in warning for warning in warnings)
    assert any("1 clips on the disk are in neither" in warning for warning in warnings)


def test_lists_of_another_set_are_refused(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, f"{A1}\n", f"{A2}\n")

    with pytest.raises(UsageError, match="another set's lists"):
        splits_from_lists(folder, clips_named(["Dog/v_Dog_g01_c01.avi"]), [])


def test_read_list_with_label_contradicting_classind_is_refused(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, f"{A1} 2\n", f"{A2}\n", classes="1 A\r\n2 B\r\n")

    with pytest.raises(UsageError, match="label 2"):
        splits_from_lists(folder, clips_named([A1, A2]), [])


def test_splits_from_lists_with_clip_in_both_subsets_is_refused(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, f"{A1}\n", f"{A1}\n")

    with pytest.raises(UsageError, match="is in trainlist01"):
        splits_from_lists(folder, clips_named([A1]), [])


def test_splits_from_lists_with_group_in_both_subsets_warns(tmp_path: Path) -> None:
    other = A1.replace("c01", "c02")
    folder = write_lists(tmp_path, f"{A1}\n", f"{other}\n")
    warnings: list[str] = []

    splits_from_lists(folder, clips_named([A1, other]), warnings)

    assert any("warning" in warning for warning in warnings)


def test_read_list_with_invalid_line_names_it(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, f"{A1}\nnonsense\n", f"{A2}\n")

    with pytest.raises(UsageError, match=r"trainlist01\.txt:2"):
        splits_from_lists(folder, clips_named([A1, A2]), [])


def test_find_lists_without_test_list_names_it(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, f"{A1}\n", f"{A2}\n")
    (folder / "testlist01.txt").unlink()

    with pytest.raises(UsageError, match=r"testlist01\.txt"):
        splits_from_lists(folder, clips_named([A1, A2]), [])


@pytest.mark.parametrize("index", ["videos", "videos/lists", "ucfTrainTestlist", "."])
def test_lists_are_found_in_or_beside_the_videos(tmp_path: Path, index: str) -> None:
    (tmp_path / "videos").mkdir()
    folder = write_lists(tmp_path / index, f"{A1}\n", f"{A2}\n")

    assert find_lists(tmp_path / "videos", clips_named([A1])) == folder.resolve()


def test_find_lists_ignores_lists_of_a_neighbor_folder(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_lists(tmp_path / "other", f"{A1}\n", f"{A2}\n")

    assert find_lists(tmp_path / "videos", clips_named(["Dog/v_Dog_g01_c01.avi"])) is None


def test_splits_from_lists_with_unlisted_class_names_it(tmp_path: Path) -> None:
    folder = write_lists(tmp_path, f"{A1}\n", f"{A2}\n")
    warnings: list[str] = []

    splits_from_lists(folder, clips_named([A1, A2, B1]), warnings)

    assert warnings[-1].startswith("warning: no list names a clip of 1 classes (B): do")
