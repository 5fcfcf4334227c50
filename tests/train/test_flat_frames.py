"""A normalized target is warned about where frames are flat."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.data.clip_reader import ClipReader
from avme.data.crop import eval_crops
from avme.data.temporal_sampling import Window
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts
from avme.train.flat_frames import NUM_CLIPS, flat_warning, tubelet_deviations

pytestmark = pytest.mark.slow

SETTINGS = {
    "clip": {"num_frames": 4, "frame_stride": 2, "image_size": 32},
    "model": {"visual": {"patch_size": 8}},
    "mask": {"ratio": 0.5},
}


def reader_of(prepared: PreparedDataset) -> ClipReader:
    return ClipReader(prepared, prepared.subset("1", "train"), mfcc_facts(prepared, "1"))


@pytest.fixture(scope="module")
def flat(
    tmp_path_factory: pytest.TempPathFactory,
    make_video: Callable[..., Path],
    run_prep: Callable[..., PreparedDataset],
) -> ClipReader:
    """Frames of one gray but for a box in a corner."""
    root = tmp_path_factory.mktemp("flat")
    gray = ("-vf", "drawbox=c=gray:t=fill,drawbox=x=0:y=0:w=8:h=8:c=white:t=fill")
    for group in (1, 8):
        make_video(root / f"in/A/v_A_g{group:02d}_c01.avi", audio=None, options=gray)
    return reader_of(run_prep(root / "in", root / "out", num_workers=1))


def test_tubelet_deviations_equal_those_of_the_pixels(finished: PreparedDataset) -> None:
    config, reader = PretrainConfig.model_validate(SETTINGS), reader_of(finished)

    found = tubelet_deviations(config, reader).numpy()

    expected = []
    assert len(reader.entries) <= NUM_CLIPS
    for entry in reader.entries:
        begin = max(entry.num_frames - 4, 0) // 2
        boxes = eval_crops(entry.height, entry.width, 1)
        (frames,) = reader.read_crops(entry, Window(begin, 2, 2), boxes, 32)
        patches = frames.numpy().reshape(2, 3, 4, 8, 4, 8) / 255.0
        expected.append(patches.std(axis=(0, 3, 5), ddof=1).transpose(1, 2, 0).ravel())
    np.testing.assert_allclose(np.sort(found), np.sort(np.concatenate(expected)), atol=1e-5)


def test_flat_warning_of_flat_frames_advises_pixels(flat: ClipReader) -> None:
    warning = flat_warning(PretrainConfig.model_validate(SETTINGS), flat)

    assert warning is not None
    assert warning.startswith("warning: loss.target normalized: half of the tubelets deviate by")
    assert warning.endswith("take --set loss.target=pixel")


def test_flat_warning_with_pixels_or_labels_is_none(flat: ClipReader) -> None:
    pixel = PretrainConfig.model_validate({**SETTINGS, "loss": {"target": "pixel"}})

    assert flat_warning(pixel, flat) is None
    assert flat_warning(FinetuneConfig(), flat) is None


def test_flat_warning_of_patterns_is_none(finished: PreparedDataset) -> None:
    assert flat_warning(PretrainConfig.model_validate(SETTINGS), reader_of(finished)) is None
