"""H.264 compression."""

import subprocess
import sys

import av
import numpy as np
import pytest

from avme.corruptions.h264 import h264
from avme.corruptions.psnr import psnr_db
from avme.errors import SystemRequirementError
from tests.corruptions.inputs import texture


@pytest.mark.parametrize("num_frames", [1, 2, 16, 61])
@pytest.mark.parametrize(("crf", "tolerance"), [(27.0, 2), (51.0, 20)])
def test_h264_returns_every_frame_in_its_place(num_frames: int, crf: float, tolerance: int) -> None:
    levels = np.linspace(20, 230, num_frames).round().astype(np.uint8)
    clean = np.broadcast_to(levels[:, None, None, None], (num_frames, 32, 48, 3)).copy()

    found = h264(clean, crf)

    assert found.shape == clean.shape
    assert found.mean(axis=(1, 2, 3)) == pytest.approx(levels, abs=tolerance)


@pytest.mark.parametrize("shape", [(17, 23), (1, 1), (64, 15), (33, 32)])
def test_odd_and_tiny_frames_keep_their_size(shape: tuple[int, int]) -> None:
    clean = np.repeat(texture(3, *shape)[..., :1], 3, axis=-1)

    found = h264(clean, 27.0)

    assert found.shape == clean.shape
    assert psnr_db(clean, found) > 23


def test_same_frames_give_the_same_result() -> None:
    clean = texture(16, 48, 48)

    assert (h264(clean, 39.0) == h264(clean.copy(), 39.0)).all()


@pytest.mark.slow
def test_same_frames_give_the_same_result_each_time() -> None:
    clean = texture(16, 48, 48)
    first = h264(clean, 39.0)

    # with the macroblock tree of x264 one of some hundred differs
    assert all((h264(clean, 39.0) == first).all() for _ in range(400))


def test_low_factor_is_almost_the_video_itself() -> None:
    gray = np.repeat(texture(4, 48, 48)[..., :1], 3, axis=-1)  # colors are halved anyway

    assert psnr_db(gray, h264(gray, 1.0)) > 40


def test_av_without_the_encoder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    create = av.VideoCodecContext.create
    monkeypatch.setattr(
        av,
        "VideoCodecContext",
        type(
            "Other", (), {"create": lambda name, mode: create("no" if mode == "w" else name, mode)}
        ),
    )

    with pytest.raises(SystemRequirementError, match="libx264 is missing: install"):
        h264(texture(1, 16, 16), 30.0)


def test_kinds_without_coding_import_neither_av_nor_torch() -> None:
    code = (
        "import sys, avme.corruptions.dispatch;"
        "print(sorted({'av', 'torch', 'h5py'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout == "[]\n"
