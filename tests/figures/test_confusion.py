"""The confusion matrix as a picture."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from avme.figures.confusion import draw_confusion

TITLE = "pets, split 1, test: top-1 66.7 % of n = 12 clips"


@pytest.mark.parametrize("count", [2, 9, 101])
@pytest.mark.slow
def test_draw_confusion_of_perfect_classifier_has_a_dark_diagonal(
    tmp_path: Path, count: int
) -> None:
    confusion = 3 * np.eye(count, dtype=np.int64)

    draw_confusion(
        tmp_path / "a.png", confusion, [f"Class{label}" for label in range(count)], TITLE
    )

    pixels = imread(tmp_path / "a.png")[..., :3]
    dark_blue = (pixels[..., 2] - pixels[..., 0] > 0.3) & (pixels[..., 0] < 0.1)
    assert dark_blue.any()
    assert (pixels.min(axis=-1) > 0.95).mean() > 0.2


def test_draw_confusion_of_class_without_clips_does_not_divide_by_zero(tmp_path: Path) -> None:
    draw_confusion(tmp_path / "a.png", np.array([[2, 1], [0, 0]]), ["Seen", "Unseen"], TITLE)

    assert (tmp_path / "a.png").stat().st_size > 1000


def test_long_names_and_a_long_title_leave_room_for_the_matrix(tmp_path: Path) -> None:
    names = ["a class with a name that is longer than its matrix", "another one of that kind"]

    draw_confusion(tmp_path / "a.png", 3 * np.eye(2, dtype=np.int64), names, f"{TITLE}, " * 5)

    pixels = imread(tmp_path / "a.png")[..., :3]
    dark_blue = (pixels[..., 2] - pixels[..., 0] > 0.3) & (pixels[..., 0] < 0.1)
    rows, columns = np.nonzero(dark_blue[:, : int(0.85 * dark_blue.shape[1])])
    title = np.flatnonzero((pixels.min(axis=-1) < 0.5).any(axis=1))[0]
    assert rows.max() - rows.min() > 200
    assert columns.max() - columns.min() > 200
    assert rows.min() - title > 40


@pytest.mark.slow
def test_names_of_very_many_classes_do_not_overlap(tmp_path: Path) -> None:
    count = 500
    names = [f"Class{label}" for label in range(count)]

    draw_confusion(tmp_path / "a.png", np.eye(count, dtype=np.int64), names, TITLE)

    ink = imread(tmp_path / "a.png")[..., :3].min(axis=-1) < 0.5
    left = np.flatnonzero(ink.sum(axis=0) > 0.6 * ink.shape[0])[0]
    beside = ink[:, left - 40 : left - 8].any(axis=1)
    lines = np.count_nonzero(np.diff(beside.astype(int)) == 1)
    assert 50 < lines < count
