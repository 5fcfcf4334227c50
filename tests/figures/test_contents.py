"""What is in a set, as pictures."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from avme.figures.contents import draw_classes, draw_lengths

BLUE = np.array([0x3B, 0x75, 0xAF]) / 255


def blue_pixels(path: Path) -> np.ndarray:
    return np.asarray(np.abs(imread(path)[..., :3] - BLUE).max(axis=-1) < 0.01)


@pytest.mark.parametrize("count", [1, 7, 101])
@pytest.mark.slow
def test_audible_classes_are_drawn_above_the_others(tmp_path: Path, count: int) -> None:
    sounding = np.arange(count) % 2 == 0
    states = {
        "audible": np.where(sounding, 20, 0),
        "silent": np.zeros(count, dtype=np.int64),
        "none": np.where(sounding, 0, 20),
    }

    draw_classes(
        tmp_path / "a.png",
        [f"Class{i}" for i in range(count)],
        {"train": states, "test": states},
        "pets",
    )

    rows = np.flatnonzero(blue_pixels(tmp_path / "a.png").sum(axis=1) > 200)
    height = imread(tmp_path / "a.png").shape[0]
    assert len(rows) > 0
    assert count == 1 or rows.max() < 0.6 * height
    assert height >= count * 15  # room for a line of text per class


@pytest.mark.parametrize(
    "seconds",
    [[2.0] * 9, [1.0, 2.0, 90.0, *[3.0] * 500], [0.04], []],
    ids=["equal", "tail", "one", "none"],
)
@pytest.mark.slow
def test_any_lengths_can_be_drawn(tmp_path: Path, seconds: list[float]) -> None:
    draw_lengths(tmp_path / "a.png", {"audible": np.array(seconds), "silent": np.zeros(0)}, "pets")

    assert blue_pixels(tmp_path / "a.png").any() == bool(seconds)
