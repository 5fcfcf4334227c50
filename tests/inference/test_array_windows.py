"""Windows of arrays: a lossless file with the same content is the oracle."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from avme.config import ClipConfig
from avme.errors import UsageError
from avme.inference.array_windows import ArrayWindows
from avme.inference.file_windows import FileWindows
from avme.inference.media_window import ViewOptions

_CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=16)
_PLAIN = {"mean": 13 * [0.0], "deviation": 13 * [1.0]}
_FRAMES = np.zeros((20, 24, 32, 3), dtype=np.uint8)


def decoded(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        samples = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.stack(frames), np.concatenate(samples)


def test_windows_of_arrays_equal_those_of_the_file(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    path = make_video(tmp_path / "a.avi", frames=30)
    frames, samples = decoded(path)

    mine = list(ArrayWindows(frames, _CLIP, _PLAIN, audio=samples))
    file = list(FileWindows(path, _CLIP, _PLAIN))

    assert len(mine) == len(file) == 5
    for one, other in zip(mine, file, strict=True):
        assert one.start_seconds == pytest.approx(other.start_seconds)
        assert one.end_seconds == pytest.approx(other.end_seconds)
        gray, expected = (each.frames.float().mean(dim=-1) for each in (one, other))
        assert (gray - expected).abs().mean() < 9.0  # JPEG; 30 beside a frame of another time
        torch.testing.assert_close(one.mfcc, other.mfcc, atol=1e-3, rtol=1e-3)
        assert torch.equal(one.audio_valid, other.audio_valid)


def test_windows_of_tensors_equal_those_of_arrays() -> None:
    frames = torch.randint(0, 256, (10, 24, 32, 3), dtype=torch.uint8)
    audio = torch.rand(6400) - 0.5

    one = next(iter(ArrayWindows(frames, _CLIP, _PLAIN, audio=audio)))
    other = next(iter(ArrayWindows(frames.numpy(), _CLIP, _PLAIN, audio=audio.numpy())))

    assert torch.equal(one.frames, other.frames)
    assert torch.equal(one.mfcc, other.mfcc)
    assert one.audio_valid.all()


def test_windows_of_arrays_follow_each_other_by_stride() -> None:
    windows = ArrayWindows(_FRAMES, _CLIP, _PLAIN, ViewOptions(stride_seconds=0.2), fps=10.0)

    assert [one.start_seconds for one in windows] == pytest.approx(
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]
    )
    assert (windows.num_expected, windows.seconds, windows.audio) == (7, 2.0, "none")


def test_silent_samples_give_no_valid_row() -> None:
    windows = ArrayWindows(_FRAMES, _CLIP, _PLAIN, audio=np.zeros(16_000, np.int16))

    assert windows.audio == "silent"
    assert not any(window.audio_valid.any() for window in windows)


@pytest.mark.parametrize(
    ("frames", "audio", "expected"),
    [
        (_FRAMES.astype(np.float32), None, "RGB bytes of shape"),
        (_FRAMES[0], None, "RGB bytes of shape"),
        (_FRAMES[:0], None, "RGB bytes of shape"),
        (_FRAMES, np.zeros((2, 16_000), np.int16), "mono samples at 16 kHz"),
        (_FRAMES, np.zeros(16_000, np.int32), "mono samples at 16 kHz"),
        (_FRAMES, np.full(16_000, np.nan), "finite samples"),
    ],
)
def test_arrays_of_another_kind_are_refused(
    frames: np.ndarray, audio: np.ndarray | None, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        ArrayWindows(frames, _CLIP, _PLAIN, audio=audio)
