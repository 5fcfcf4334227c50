"""A window's pictures and sound are of the same span of time."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from avme.config import ClipConfig
from avme.data.temporal_sampling import Window, random_window, spread_windows

CLIP = ClipConfig(num_frames=4, frame_stride=3, image_size=16)


def test_frames_and_rows_start_together() -> None:
    window = Window(start=5, num_frames=4, stride=3)

    assert window.frames(100) == [5, 8, 11, 14]
    assert window.rows() == (20, 68)  # 12 source frames, 4 rows each


def test_window_of_short_clip_repeats_the_last_frame_but_not_its_audio() -> None:
    window = Window(start=0, num_frames=4, stride=3)

    assert window.frames(5) == [0, 3, 4, 4]
    assert window.rows() == (0, 48)


@given(st.integers(1, 60), st.integers(0, 2**40), st.integers(0, 6))
def test_random_window_leaves_the_clip_by_at_most_the_jitter(
    frames: int, seed: int, jitter: int
) -> None:
    window = random_window(frames, CLIP, torch.Generator().manual_seed(seed), jitter)

    assert -jitter <= window.start <= max(frames - CLIP.span_frames, 0) + jitter
    assert all(0 <= frame < frames for frame in window.frames(frames))


def test_random_window_reaches_every_start() -> None:
    generator = torch.Generator().manual_seed(0)
    starts = {random_window(15, CLIP, generator).start for _ in range(200)}

    assert starts == {0, 1, 2, 3}


def test_spread_windows_reach_from_the_first_frame_to_the_last() -> None:
    windows = spread_windows(52, CLIP, 5)

    assert [window.start for window in windows] == [0, 10, 20, 30, 40]
    assert windows[-1].end == 52
    assert spread_windows(52, CLIP, 1)[0].start == 20


@given(st.integers(1, 80), st.integers(2, 12))
def test_spread_windows_are_those_of_evenly_spaced_starts_each_once(
    frames: int, segments: int
) -> None:
    starts = [window.start for window in spread_windows(frames, CLIP, segments)]

    spaced = max(frames - CLIP.span_frames, 0) * np.arange(segments) / (segments - 1)
    assert starts == np.unique(np.rint(spaced)).astype(int).tolist()
