"""A tiny prepared set beside the videos that it was made from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import PrepConfig
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.prep import prepare


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]
) -> PreparedDataset:
    """Three clips of 12 frames and one of 3, in two classes."""
    root = tmp_path_factory.mktemp("bench")
    for name in ("A/v_A_g01_c01", "A/v_A_g09_c01", "B/v_B_g01_c01"):
        make_video(root / f"in/{name}.avi", frames=12, size="64x48")
    make_video(root / "in/B/v_B_g09_c01.avi", frames=3, size="64x48")
    config = PrepConfig(num_workers=1, jpeg_quality=2)
    request = Request("ucf101", root / "in", out=root / "out", name="set", config=config)
    made = prepare(request, report=NullReporter())
    assert made is not None
    return made
