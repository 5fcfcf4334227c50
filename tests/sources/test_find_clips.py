"""What was remarked while clips were found is said with the split, or with why there is none."""

from pathlib import Path

import pytest

from avme.config.prep import PrepConfig
from avme.errors import UsageError
from avme.sources.find_clips import SourceOptions, find_clips


def test_videos_that_are_left_out_explain_why_there_is_no_split(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    (videos / "Archery").mkdir(parents=True)
    for name in ("Archery/v_Archery_g01_c01.avi", "Archery/holiday.avi"):
        (videos / name).write_bytes(b"x")

    with pytest.raises(UsageError, match=r"no split follows .*; 1 videos are not .*holiday\.avi"):
        find_clips("ucf101", videos, SourceOptions(), PrepConfig())

    (videos / "Archery" / "v_Archery_g08_c01.avi").write_bytes(b"x")
    found = find_clips("ucf101", videos, SourceOptions(), PrepConfig())

    assert found.warnings[0].startswith("1 videos are not <Class>/v_<Class>_gXX_cYY.avi")


def test_find_clips_reports_a_link_across_given_subsets(tmp_path: Path) -> None:
    for name in ("train/cat/1.mp4", "test/cat/2.mp4"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "test" / "cat" / "3.mp4").symlink_to(tmp_path / "train" / "cat" / "1.mp4")

    found = find_clips("folder", tmp_path, SourceOptions(), PrepConfig())

    assert [clip.id for clip in found.clips] == ["test/cat/2.mp4", "train/cat/1.mp4"]
    assert found.warnings == (
        "1 videos are links to files that are clips already: left out, as test/cat/3.mp4",
    )
