"""Reconstructed clips as a picture."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from avme.figures.reconstruction import Cell, ClipRow, draw_reconstruction

RED, BLUE = (255, 0, 0), (0, 0, 255)


def plain(colour: tuple[int, int, int], num_frames: int) -> Cell:
    return Cell(np.full((num_frames, 16, 16, 3), colour, dtype=np.uint8), "12.3 dB")


@pytest.mark.parametrize(("num_rows", "num_frames"), [(1, 1), (4, 4), (8, 2)])
def test_draw_reconstruction_shows_every_version_of_every_clip_in_its_column(
    tmp_path: Path, num_rows: int, num_frames: int
) -> None:
    row = ClipRow("BallsBell", (plain(RED, num_frames), plain(BLUE, num_frames)))

    draw_reconstruction(tmp_path / "a.png", [row] * num_rows, ("truth", "made"), "a note", "pets")

    pixels = imread(tmp_path / "a.png")[..., :3]
    red = np.argwhere((pixels == (1, 0, 0)).all(axis=-1))
    blue = np.argwhere((pixels == (0, 0, 1)).all(axis=-1))
    assert len(red) == pytest.approx(len(blue), rel=0.02)
    assert len(red) + len(blue) > 0.3 * pixels[..., 0].size
    assert red[:, 1].max() < blue[:, 1].min()
