"""Of several copies of a clip the whole one is taken, whatever its folder is called."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.data.copies import Copies
from avme.data.discover import discover
from avme.data.hmdb51 import splits_of_hmdb51
from avme.data.kinetics import find_kinetics
from avme.data.lists import splits_from_lists

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
    make_video(tmp_path / "videos" / "run" / "B_000000_000001.mp4", frames=4, sound=None)
    (tmp_path / "k.csv").write_text(ROWS)

    clips, chosen = find_kinetics(tmp_path / "videos", [tmp_path / "k.csv"])

    assert [clip.id for clip in clips if "AAA" in clip.id] == [f"{whole_folder}/{name}"]
    said = (
        "1 damaged files are there a second time, whole, and that copy is taken: left out, as "
        f"run/{name}"
    )
    assert (said in chosen.remarks) == (whole_folder > "run")


def test_lists_of_ucf101_name_the_whole_copy(tmp_path: Path, make_video: MakeVideo) -> None:
    root = tmp_path / "videos"
    cut(make_video(root / "A" / "v_A_g08_c01.avi", frames=25))
    make_video(root / "A" / "v_A_g08_c01.mkv", frames=25)
    make_video(root / "A" / "v_A_g01_c01.avi", frames=4)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "trainlist01.txt").write_text("A/v_A_g08_c01.avi 1\n")
    (lists / "testlist01.txt").write_text("A/v_A_g01_c01.avi\n")

    (split,) = splits_from_lists(lists, discover(root, "ucf101")).splits

    assert list(split.train) == ["A/v_A_g08_c01.mkv"]


def test_lists_of_hmdb51_name_the_whole_copy(tmp_path: Path, make_video: MakeVideo) -> None:
    root = tmp_path / "videos"
    cut(make_video(root / "wave" / "x_wave_u_cm_np1_fr_goo_0.avi", frames=25))
    make_video(root / "wave" / "x_wave_u_cm_np1_fr_goo_0.mkv", frames=25)
    make_video(root / "wave" / "y_wave_u_cm_np1_fr_goo_0.avi", frames=4)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "wave_test_split1.txt").write_text(
        "x_wave_u_cm_np1_fr_goo_0.avi 1\ny_wave_u_cm_np1_fr_goo_0.avi 2\n"
    )

    chosen = splits_of_hmdb51(root, lists, discover(root, "hmdb51"))

    assert list(chosen.splits[0].train) == ["wave/x_wave_u_cm_np1_fr_goo_0.mkv"]


def test_one_file_is_not_read_and_of_broken_ones_the_least_broken_is_taken(
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
