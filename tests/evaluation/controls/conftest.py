"""A small set in which every clip sounds different."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.data.clip_reader import ClipReader
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts


@pytest.fixture(scope="session")
def varied(
    tmp_path_factory: pytest.TempPathFactory,
    make_video: Callable[..., Path],
    run_prep: Callable[..., PreparedDataset],
) -> PreparedDataset:
    """Two classes, three groups, twelve clips: half of them with a chirp of their own pitch."""
    root = tmp_path_factory.mktemp("varied")
    for number, group in enumerate((1, 8, 15)):
        archery = root / "videos/Archery" / f"v_Archery_g{group:02d}"
        bowling = root / "videos/Bowling" / f"v_Bowling_g{group:02d}"
        low, high = (f"aevalsrc='0.3*sin(2*PI*({hz}+900*t)*t)':s=16000" for hz in _pitches(number))
        make_video(Path(f"{archery}_c01.avi"), frames=10, audio=low)
        make_video(Path(f"{archery}_c02.avi"), frames=2, audio=None)
        make_video(Path(f"{bowling}_c01.avi"), frames=6, fps="30000/1001", audio=high)
        make_video(Path(f"{bowling}_c02.avi"), audio="anullsrc=r=16000:cl=mono")
    return run_prep(root / "videos", root)


def _pitches(number: int) -> tuple[int, int]:
    return 300 + 400 * number, 2_000 + 500 * number


@pytest.fixture(scope="session")
def reader(varied: PreparedDataset) -> ClipReader:
    """Reader of all twelve clips: 10 and 6 frames with audio, 2 and 8 without."""
    return ClipReader(varied, varied.entries, mfcc_facts(varied, "1"))
