"""Of several copies of a clip the whole one is taken, whatever its folder is called."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.sources.duplicates import Copies
from avme.sources.folder import find_videos
from avme.sources.kinetics import find_kinetics
from avme.sources.ucf101 import splits_from_lists

MakeVideo = Callable[..., Path]
ROWS = "label,youtube_id,time_start,time_end,split\nrun,AAAAAAAAAAA,0,1,train\nrun,B,0,1,val\n"


def cut(path: Path) -> Path:
    """Leaves the header and half of the pictures."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize("whole_folder", ["a_whole", "z_replacement"])
def test_kinetics_takes_the_whole_copy_from_any_folder(
    tmp_path: Path, make_video: MakeVideo, whole_folder: str
) -> None:
    name = "AAAAAAAAAAA_000000_000001.mp4"
    options = ("-c:a", "aac", "-movflags", "+faststart")
    cut(make_video(tmp_path / "videos" / "run" / name, frames=25, options=options))
    make_video(tmp_path / "videos" / whole_folder / name, frames=25, options=options)
    make_video(tmp_path / "videos" / "run" / "B_000000_000001.mp4", frames=4, audio=None)
    (tmp_path / "k.csv").write_text(ROWS)

    found = find_kinetics(tmp_path / "videos", [tmp_path / "k.csv"])

    assert [clip.id for clip in found.clips if "AAA" in clip.id] == [f"{whole_folder}/{name}"]
    said = f"1 damaged files have an undamaged copy, which is used: left out, as run/{name}"
    assert (said in found.warnings) == (whole_folder > "run")


def test_ucf101_takes_the_whole_copy_with_lists_and_without(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    root = tmp_path / "videos"
    cut(make_video(root / "A" / "v_A_g08_c01.avi", frames=25))
    make_video(root / "A" / "v_A_g08_c01.mkv", frames=25)
    make_video(root / "A" / "v_A_g01_c01.avi", frames=4)
    (tmp_path / "trainlist01.txt").write_text("A/v_A_g08_c01.avi 1\n")
    (tmp_path / "testlist01.txt").write_text("A/v_A_g01_c01.avi\n")
    warnings: list[str] = []

    clips = find_videos(root, "ucf101", warnings)

    assert [clip.id for clip in clips] == ["A/v_A_g01_c01.avi", "A/v_A_g08_c01.mkv"]
    assert warnings == [
        "1 videos are further copies of a clip that has an undamaged file: left out, as "
        "A/v_A_g08_c01.avi"
    ]
    assert list(splits_from_lists(tmp_path, clips, [])[0].train) == ["A/v_A_g08_c01.mkv"]


def test_hmdb51_takes_the_whole_copy_from_any_folder_of_its_class(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    for name in ("a/x_wave.avi", "b/x_wave.avi", "c/x_wave.avi"):
        make_video(tmp_path / "wave" / name, frames=25)
    for name in ("wave/a/x_wave.avi", "wave/c/x_wave.avi"):
        cut(tmp_path / name)
    make_video(tmp_path / "kiss" / "x_wave.avi", frames=4)
    warnings: list[str] = []

    clips = find_videos(tmp_path, "hmdb51", warnings)

    assert [clip.id for clip in clips] == ["kiss/x_wave.avi", "wave/b/x_wave.avi"]
    assert warnings[0].startswith("2 videos are further copies")


def test_names_of_a_plain_folder_are_not_copies(tmp_path: Path) -> None:
    for name in ("a/1.avi", "a/1.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    assert len(find_videos(tmp_path, "folder", [])) == 2


def test_copies_of_one_file_are_unread_and_of_damaged_ones_the_best_is_taken(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    page, shorter, whole = (tmp_path / name for name in ("0.avi", "1.avi", "2.avi"))
    page.write_bytes(b"<html>" * 99)
    cut(make_video(shorter, frames=25))
    copies = Copies(tmp_path)

    assert copies.choose([tmp_path / "gone.avi"]) == 0
    assert copies.choose([]) is None
    assert copies.choose([page, shorter]) == 1
    assert copies.choose([page, page]) == 0
    make_video(whole, frames=25)
    assert copies.choose([page, shorter, whole]) == 2
    assert copies.choose([whole, page, shorter]) == 0
