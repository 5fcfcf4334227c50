"""Sheet of clips as a PNG."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

from avme.reconstruction.sheet import Block, draw_sheet
from avme.reconstruction.strips import Strip

pytestmark = pytest.mark.slow

RED, BLUE = (255, 0, 0), (0, 0, 255)


def block(name: str, frames: int) -> Block:
    colors = {color: np.full((frames, 16, 16, 3), color, np.uint8) for color in (RED, BLUE)}
    return Block(
        name,
        name,
        (Strip(name, "a caption", colors[RED]), Strip("difference", "below", colors[BLUE], True)),
    )


@pytest.mark.parametrize(("num_blocks", "num_frames"), [(1, 8), (3, 4)])
def test_draw_sheet_shows_every_row_at_its_size(
    tmp_path: Path, num_blocks: int, num_frames: int
) -> None:
    blocks = [block("a clip", num_frames)] * num_blocks

    draw_sheet(tmp_path / "a.png", blocks, "a note\nanother", "a title")

    pixels = imread(tmp_path / "a.png")[..., :3]
    for color in ((1, 0, 0), (0, 0, 1)):
        count = (np.abs(pixels - color).max(axis=-1) < 0.02).sum()
        assert count == pytest.approx(num_blocks * num_frames * 150**2, rel=0.03)
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["Title"] == "a title"


@pytest.mark.parametrize("name", ["costs $5 and $6", "射箭", "\x1b[2J\x00", "x" * 5000, ""])
def test_draw_sheet_with_any_name_stays_within_its_width(tmp_path: Path, name: str) -> None:
    draw_sheet(tmp_path / "a.png", [block(name, 2)], name, name[:300])

    pixels = imread(tmp_path / "a.png")[..., :3]
    assert pixels.shape[1] < 900
    assert (np.abs(pixels - (1, 0, 0)).max(axis=-1) < 0.02).sum() > 40_000
