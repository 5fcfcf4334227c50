"""The confusion matrix as a picture."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from avme.figures.confusion import draw_confusion

TITLE = "pets, split 1, test: top-1 66.7 % of n = 12 clips"


@pytest.mark.parametrize("count", [2, 9, 101])
def test_the_diagonal_of_a_perfect_classifier_is_dark(tmp_path: Path, count: int) -> None:
    confusion = 3 * np.eye(count, dtype=np.int64)

    draw_confusion(
        tmp_path / "a.png", confusion, [f"Class{label}" for label in range(count)], TITLE
    )

    pixels = imread(tmp_path / "a.png")[..., :3]
    dark_blue = (pixels[..., 2] - pixels[..., 0] > 0.3) & (pixels[..., 0] < 0.1)
    assert dark_blue.any()
    assert (pixels.min(axis=-1) > 0.95).mean() > 0.2


def test_a_class_without_clips_divides_by_nothing(tmp_path: Path) -> None:
    draw_confusion(tmp_path / "a.png", np.array([[2, 1], [0, 0]]), ["Seen", "Unseen"], TITLE)

    assert (tmp_path / "a.png").stat().st_size > 1000
