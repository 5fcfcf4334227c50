"""What was remarked while clips were found is said with the split, or with why there is none."""

from pathlib import Path

import pytest

from avme.config.prep import PrepConfig
from avme.data.sources import Beside, find_clips
from avme.errors import UsageError


def test_videos_that_are_left_out_explain_why_there_is_no_split(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    (videos / "Archery").mkdir(parents=True)
    for name in ("Archery/v_Archery_g01_c01.avi", "Archery/holiday.avi"):
        (videos / name).write_bytes(b"x")

    with pytest.raises(UsageError, match=r"no split follows .*; 1 videos are not .*holiday\.avi"):
        find_clips("ucf101", videos, Beside(), PrepConfig())

    (videos / "Archery" / "v_Archery_g08_c01.avi").write_bytes(b"x")
    _, chosen = find_clips("ucf101", videos, Beside(), PrepConfig())

    assert chosen.remarks[0].startswith("1 videos are not <Class>/v_<Class>_gXX_cYY.avi")
