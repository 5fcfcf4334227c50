"""Every picture says what it shows, on its pixels and in its file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

from avme.figures.confusion import draw_confusion
from avme.figures.contents import draw_classes, draw_lengths
from avme.figures.curves import draw_curves
from avme.figures.reconstruction import Cell, ClipRow, draw_reconstruction
from avme.figures.title import title_lines

LONG = (
    "a-dataset-with-a-rather-long-name, split 1, test: top-1 66.67 % of n = 12345 clips\n"
    "finetune-a-dataset-with-a-rather-long-name-av, best.pt at step 123456, 5 x 3 views"
)
STATES = {state: np.array([3, 4]) for state in ("audible", "silent", "none")}
CELL = Cell(np.full((2, 16, 16, 3), 128, dtype=np.uint8))
DRAW: dict[str, Callable[[Path, str], None]] = {
    "confusion": lambda path, title: draw_confusion(path, np.eye(2, dtype=int), "ab", title),
    "lengths": lambda path, title: draw_lengths(path, {"audible": np.array([1.0, 2.0])}, title),
    "classes": lambda path, title: draw_classes(path, "ab", {"train": STATES}, title),
    "curves": lambda path, title: draw_curves(path, [], {}, title),
    "reconstruction": lambda path, title: draw_reconstruction(
        path, [ClipRow("a", (CELL, CELL))], ("truth", "made"), "a note", title
    ),
}


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.slow
def test_add_title_is_stored_in_the_file_and_fits_the_figure(name: str, tmp_path: Path) -> None:
    path, bare = tmp_path / "a.png", tmp_path / "b.png"

    DRAW[name](path, LONG)
    DRAW[name](bare, "")

    with Image.open(path) as image:
        assert image.info["Title"] == LONG
    ink, without = (imread(file)[..., :3].min(axis=-1) < 0.9 for file in (path, bare))
    assert ink.shape == without.shape
    top = int(np.argmax(ink.any(axis=1)))
    assert 0 < top < 40
    assert (ink[: top + 30] != without[: top + 30]).sum() > 500
    assert not ink[:, :2].any()
    assert not ink[: top + 30, -2:].any()


def test_title_lines_grow_with_the_text_and_shrink_with_the_width() -> None:
    inches, count = title_lines("one\ntwo", 8.0)
    _, narrow = title_lines(LONG, 3.0)
    _, wide = title_lines(LONG, 20.0)

    assert count == wide == 2
    assert narrow > 4
    assert 0.1 < inches < 0.3
