"""Frames of a video with all versions of a clip."""

from dataclasses import replace

import numpy as np
import pytest

from avme.reconstruction.comparison import Panel
from avme.reconstruction.scenes import Layout, Scene, layout_of, resized, scene_frames
from avme.reconstruction.strips import strips_of


@pytest.fixture
def scene(panel: Panel) -> Scene:
    pairs = strips_of(panel, {"ours": "video and audio", "videomae": "video only"})
    return Scene(title="a clip", pairs=pairs, seconds_per_frame=0.08)


def test_scene_frames_show_every_version_at_its_place(scene: Scene) -> None:
    layout = layout_of([scene])

    frames = list(scene_frames(scene, layout))

    assert len(frames) == 4
    assert layout.side == 224  # 32 pixels, seven times
    for number, frame in enumerate(frames):
        assert frame.shape == (layout.height, layout.width, 3)
        for index, pair in enumerate(scene.pairs):
            for member, strip in enumerate(pair):
                down, right = layout.corner(index, member)
                shown = frame[down : down + 224 : 7, right : right + 224 : 7]
                assert np.array_equal(shown, strip.frames[number])


def test_scene_frames_have_text_above_and_below(scene: Scene) -> None:
    layout = layout_of([scene])

    frame = next(scene_frames(scene, layout))

    down, right = layout.corner(1, 0)
    assert (frame[:30] < 128).any()
    assert (frame[down - 18 : down - 2, right : right + 100] < 128).any()
    below = layout.corner(1, 1)[0] + 224
    assert (frame[below : below + 50, right : right + 200] < 128).any()


@pytest.mark.parametrize("pairs", range(2, 10))
def test_layout_has_even_sides_and_no_overlap(pairs: int) -> None:
    layout = Layout(64, pairs)
    taken = np.zeros((layout.height, layout.width), dtype=int)

    for pair in range(pairs):
        for member in range(2):
            down, right = layout.corner(pair, member)
            taken[down : down + 64, right : right + 64] += 1

    assert layout.height % 2 == layout.width % 2 == 0
    assert taken.max() == 1
    assert taken.sum() == 2 * pairs * 64**2


@pytest.mark.parametrize(("seconds", "repeats"), [(0.08, 10), (0.75, 1), (1.0, 1), (0.5, 2)])
def test_repeats_last_at_least_three_seconds(scene: Scene, seconds: float, repeats: int) -> None:
    assert replace(scene, seconds_per_frame=seconds).repeats == repeats


def test_resized_by_a_whole_factor_repeats_pixels() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)

    assert np.array_equal(resized(frame, 24), frame.repeat(3, axis=0).repeat(3, axis=1))
    assert resized(frame, 21).shape == (21, 21, 3)
