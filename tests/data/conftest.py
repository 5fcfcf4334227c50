"""Prepared clips for tests of the reader and the dataset."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.config import PrepConfig
from avme.data.clip_reader import ClipReader
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.prep import prepare
from avme.stages.training import mfcc_facts
from tests.data.half_audible import prepare_half_audible

BEEP = "aevalsrc='if(between(t,1.0,1.08),0.5*sin(2*PI*1000*t),0.001*sin(2*PI*90*t))':s=16000"


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]
) -> PreparedDataset:
    """A clip of 2 s that beeps at 1 s, a short one without sound, and one to test on."""
    root = tmp_path_factory.mktemp("clips")
    make_video(root / "in/A/v_A_g08_c01.avi", frames=50, audio=BEEP, size="64x48")
    make_video(root / "in/A/v_A_g09_c01.avi", frames=5, audio=None, size="64x48")
    make_video(root / "in/A/v_A_g01_c01.avi", frames=5, audio=BEEP, size="64x48")
    config = PrepConfig(num_workers=1)
    request = Request("ucf101", root / "in", out=root / "out", name="set", config=config)
    made = prepare(request, report=NullReporter())
    assert made is not None
    return made


@pytest.fixture(scope="session")
def half_audible(
    tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]
) -> PreparedDataset:
    """Two classes, of which one has audio."""
    return prepare_half_audible(tmp_path_factory.mktemp("half"), make_video)


@pytest.fixture
def reader(prepared: PreparedDataset) -> ClipReader:
    return ClipReader(prepared, prepared.subset("1", "train"), mfcc_facts(prepared, "1"))
