"""HMDB51 as its archives unpack."""

from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.sources.hmdb51 import find_hmdb51, source_video

BRUSH = [f"April_09_brush_hair_u_nm_np1_ba_goo_{n}.avi" for n in range(3)]
WAVE = ["#20_Rhythm_wave_f_cm_np1_fr_med_0.avi", "Two;_words_(x)_wave_h_nm_np2_ri_bad_12.avi"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Videos of two classes, one of them unpacked into a folder of its own name."""
    folder = tmp_path / "hmdb51_org"
    for path in [Path("brush_hair", name) for name in BRUSH] + [
        Path("wave", "wave", name) for name in WAVE
    ]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")
    return folder


def write_lists(folder: Path, number: int, brush: str, wave: str) -> Path:
    """Official lists end their lines in a space."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, names, parts in (("brush_hair", BRUSH, brush), ("wave", WAVE, wave)):
        lines = [f"{clip} {part} \r\n" for clip, part in zip(names, parts, strict=False)]
        (folder / f"{name}_test_split{number}.txt").write_bytes("".join(lines).encode())
    return folder


@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi", "April_09_brush_hair"),
        (
            "wave/20060723sfjffbartsinger_wave_f_cm_np1_ba_med_10.mp4",
            "20060723sfjffbartsinger_wave",
        ),
        ("a/x_u_cm_np1_fr_med_0_wave_f_nm_np1_fr_goo_1.avi", "x_u_cm_np1_fr_med_0_wave"),
        ("wave/holiday.avi", None),
        ("wave/_u_cm_np1_fr_med_0.avi", None),
    ],
)
def test_source_video_is_the_group_of_a_clip(name: str, video: str | None) -> None:
    assert source_video(name) == video


def test_clips_are_found_in_class_folders_with_their_groups(tmp_path: Path, archive: Path) -> None:
    clips = find_hmdb51(archive, write_lists(tmp_path / "lists", 1, "120", "12")).clips

    assert [(clip.class_name, clip.group) for clip in clips] == [
        *[("brush_hair", "April_09_brush_hair")] * 3,
        ("wave", "#20_Rhythm_wave"),
        ("wave", "Two;_words_(x)_wave"),
    ]
    assert not any(clip.is_listed for clip in clips)


def test_1_trains_2_tests_and_0_does_neither(tmp_path: Path, archive: Path) -> None:
    write_lists(tmp_path / "lists", 1, "120", "12")
    write_lists(tmp_path / "lists", 2, "211", "01")

    found = find_hmdb51(archive, tmp_path / "lists")

    first, second = found.splits
    assert tuple(first.train) == (f"brush_hair/{BRUSH[0]}", f"wave/wave/{WAVE[0]}")
    assert tuple(first.test) == (f"brush_hair/{BRUSH[1]}", f"wave/wave/{WAVE[1]}")
    assert (second.name, len(second.train), len(second.test)) == ("2", 3, 1)


def test_find_hmdb51_counts_differences_of_lists_and_disk(tmp_path: Path, archive: Path) -> None:
    lists = write_lists(tmp_path / "lists", 1, "12", "12")
    (archive / "wave" / "wave" / WAVE[0]).unlink()

    warnings = find_hmdb51(archive, lists).warnings

    assert "split 1: 1 train and test clips are not on the disk" in warnings
    assert "split 1: 1 clips on the disk are in no list" in warnings
    assert any("warning: split 1 has 1 groups in train and test" in warning for warning in warnings)


def test_find_hmdb51_with_renamed_class_names_it(tmp_path: Path, archive: Path) -> None:
    lists = write_lists(tmp_path / "lists", 1, "12", "12")
    (archive / "wave").rename(archive / "waving")

    warnings = find_hmdb51(archive, lists).warnings

    assert warnings[-1].startswith("warning: no list names a clip of 1 classes (waving): do")


@pytest.mark.parametrize("index", ["hmdb51_org", "hmdb51_org/lists", "testTrainMulti", "."])
def test_lists_are_found_in_or_beside_the_videos(tmp_path: Path, archive: Path, index: str) -> None:
    folder = write_lists(tmp_path / index, 1, "12", "12")

    warnings = find_hmdb51(archive, None).warnings

    assert warnings[0] == f"split lists: {folder.resolve()}"


def test_find_hmdb51_with_converted_clip_finds_it_in_the_lists(
    tmp_path: Path, archive: Path
) -> None:
    lists = write_lists(tmp_path / "lists", 1, "12", "12")
    old = archive / "brush_hair" / BRUSH[0]
    old.rename(old.with_suffix(".mp4"))

    split = find_hmdb51(archive, lists).splits[0]

    assert f"brush_hair/{old.stem}.mp4" in split.train


def test_find_hmdb51_without_lists_names_the_fix(archive: Path) -> None:
    with pytest.raises(UsageError, match=r"no split lists in or beside .*--splits.*prep folder"):
        find_hmdb51(archive, None)


def test_find_hmdb51_with_folder_without_lists_is_refused(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(UsageError, match="gone is not a folder"):
        find_hmdb51(archive, tmp_path / "gone")
    with pytest.raises(UsageError, match=r"holds no <class>_test_split1\.txt"):
        find_hmdb51(archive, archive)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x.avi 3", r"wave_test_split1\.txt:2: found 'x\.avi 3', expected <clip>\.avi 0, 1 or 2"),
        ("x.avi", r"wave_test_split1\.txt:2: found 'x\.avi'"),
        (f"{WAVE[0]} 2", r"wave_test_split1\.txt:2: .* already appears with 1: delete one"),
    ],
)
def test_find_hmdb51_with_invalid_line_names_it(
    tmp_path: Path, archive: Path, line: str, message: str
) -> None:
    lists = write_lists(tmp_path / "lists", 1, "12", "12")
    (lists / "wave_test_split1.txt").write_text(f"{WAVE[0]} 1\n{line}\n")

    with pytest.raises(UsageError, match=message):
        find_hmdb51(archive, lists)


def test_lists_of_other_videos_are_refused(tmp_path: Path, archive: Path) -> None:
    lists = write_lists(tmp_path / "lists", 1, "11", "11")

    with pytest.raises(UsageError, match="leave every split without train or test clips"):
        find_hmdb51(archive, lists)
