"""Windows of files: those of an evaluation for short files, and every moment of long ones."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from avme.config import ClipConfig
from avme.data.clip_reader import ClipReader
from avme.data.eval_dataset import EvalDataset
from avme.inference import file_windows
from avme.inference.file_windows import FileWindows
from avme.inference.media_window import ViewOptions
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

_CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=16)
_PLAIN = {"mean": 13 * [0.5], "deviation": 13 * [2.0]}


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]) -> Path:
    """A file of 103 frames, 4.12 s, that counts as long where a minute is a second."""
    return make_video(tmp_path_factory.mktemp("windows") / "long.mkv", frames=103)


@pytest.fixture
def brief_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_windows, "WHOLE_SECONDS", 1.0)


@pytest.mark.parametrize("crops", [1, 3])
@pytest.mark.parametrize("name", ["v_Archery_g01_c01", "v_Archery_g08_c02", "v_Bowling_g01_c01"])
def test_windows_of_a_short_file_equal_the_views_of_an_evaluation(
    videos: Path, finished: PreparedDataset, name: str, crops: int
) -> None:
    entry = next(e for e in finished.entries if name in e.id)
    dataset = EvalDataset(ClipReader(finished, [entry], _PLAIN), _CLIP, 5, crops)
    views = dataset[0]

    path = next(videos.rglob(f"{name}.avi"))
    found = list(FileWindows(path, _CLIP, _PLAIN, ViewOptions(crops=crops)))

    assert [window.index for window in found] == views.window.tolist()
    for window, video, mfcc, valid in zip(
        found, views.video, views.mfcc, views.audio_valid, strict=True
    ):
        assert torch.equal(window.frames, video.permute(1, 2, 3, 0))
        assert torch.equal(window.mfcc, mfcc)
        assert torch.equal(window.audio_valid, valid)


@pytest.mark.usefixtures("brief_minute")
def test_windows_of_a_long_file_cover_every_moment_once(long: Path) -> None:
    windows = FileWindows(long, _CLIP, _PLAIN)
    found = list(windows)

    assert windows.num_expected == len(found) == 13
    assert [window.index for window in found] == list(range(13))
    assert found[0].start_seconds == 0.0
    assert found[-1].end_seconds == pytest.approx(4.12, abs=0.002)
    for before, after in pairwise(found[:-1]):
        assert after.start_seconds == pytest.approx(before.end_seconds, abs=0.002)
    assert all(window.audio_valid.all() for window in found)


@pytest.mark.usefixtures("brief_minute")
def test_windows_of_a_long_file_equal_those_of_one_pass(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ViewOptions(stride_seconds=0.4)
    parts = list(FileWindows(long, _CLIP, _PLAIN, options))
    monkeypatch.setattr(file_windows, "WHOLE_SECONDS", 60.0)
    whole = list(FileWindows(long, _CLIP, _PLAIN, options))

    assert len(parts) == len(whole) == 11
    for part, one in zip(parts, whole, strict=True):
        assert part.start_seconds == pytest.approx(one.start_seconds, abs=0.0021)
        difference = (part.frames.float() - one.frames.float()).abs().mean()
        assert difference < 1.0  # the encoder of JPEGs rounds alike; other frames differ by 20
        torch.testing.assert_close(part.mfcc[1:-4], one.mfcc[1:-4], atol=0.35, rtol=0)


@pytest.mark.usefixtures("brief_minute")
def test_segments_of_a_long_file_are_spread_evenly(long: Path) -> None:
    found = list(FileWindows(long, _CLIP, _PLAIN, ViewOptions(segments=3)))

    starts = [window.start_seconds for window in found]
    assert starts == pytest.approx([0.0, 1.9, 3.8], abs=0.021)
    (center,) = FileWindows(long, _CLIP, _PLAIN, ViewOptions(segments=1))
    assert center.start_seconds == pytest.approx(1.9, abs=0.021)


def test_window_at_a_time_begins_there(long: Path) -> None:
    (window,) = FileWindows(long, _CLIP, _PLAIN).at(2.0, index=7)

    assert window.index == 7
    assert window.start_seconds == pytest.approx(2.0)
    assert window.end_seconds == pytest.approx(2.32, abs=0.002)


def test_windows_of_a_file_without_audio_have_no_valid_row(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    windows = FileWindows(make_video(tmp_path / "a.avi", audio=None), _CLIP, _PLAIN)
    (window,) = list(windows)[:1]

    assert windows.audio == "none"
    assert window.samples is None
    assert not window.audio_valid.any()
    assert not window.mfcc.any()


@pytest.mark.usefixtures("brief_minute")
def test_windows_of_varying_frame_rate_have_all_frames(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    """From 1 s on, a frame lasts four times as long as the header has it."""
    options = ("-vf", "setpts='if(lt(N,25),N,25+4*(N-25))/25/TB'", "-fps_mode", "passthrough")
    path = make_video(tmp_path / "a.mkv", frames=50, audio=None, options=options)
    found = list(FileWindows(path, _CLIP, _PLAIN, ViewOptions(stride_seconds=1.0)))

    assert [round(window.start_seconds) for window in found] == [0, 1, 2, 3, 4]
    slow = [window.end_seconds - window.start_seconds for window in found[1:4]]
    assert slow == pytest.approx(3 * [8 * 0.16], abs=0.17)
