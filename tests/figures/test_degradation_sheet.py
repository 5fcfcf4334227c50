"""Sheet of degraded frames."""

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from avme.corruptions.degradation import parse_degradation
from avme.corruptions.kinds import KINDS
from avme.corruptions.psnr import psnr_db
from avme.figures.degradation_sheet import SheetRow, degrade_rows, draw_degradation_sheet
from tests.corruptions.inputs import texture

ROOT = Path(__file__).parents[2]
COLORS = [(255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 0)]


def where(pixels: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((np.rint(255 * pixels).astype(int) == color).all(axis=-1))


@pytest.mark.parametrize(("side", "shown"), [(16, 80), (100, 100)])
def test_frames_are_shown_pixel_by_pixel_in_order_of_severity(
    tmp_path: Path, side: int, shown: int
) -> None:
    frames = tuple(np.full((side, side, 3), color, dtype=np.uint8) for color in COLORS)
    rows = [SheetRow(kind, frames, (9.0, 8.0, 7.0, 6.0, float("inf"))) for kind in ("one", "two")]

    draw_degradation_sheet(tmp_path / "a.png", rows, "a title")

    found = [where(imread(tmp_path / "a.png")[..., :3], color) for color in COLORS]
    sides = [each[:, 1].max() - each[:, 1].min() + 1 for each in found]
    # matplotlib before 3.11 rounds some images to one pixel more
    assert set(sides) <= {shown, shown + 1}
    assert all(2 * shown**2 <= len(each) <= 2 * (shown + 1) ** 2 for each in found)
    assert np.all(np.diff([each[:, 1].min() for each in found]) > shown)


def test_rows_are_all_kinds_of_frames_with_their_psnr() -> None:
    clean = texture(3, 24, 24)

    rows = degrade_rows(clean, "clip")

    assert [row.kind for row in rows] == [
        kind.name for kind in KINDS.values() if kind.modality == "frames"
    ]
    blurred = parse_degradation("defocus-blur=4")[0].apply(clean, "clip")
    row = rows[1]
    assert (row.frames[0] == clean[1]).all()
    assert (row.frames[4] == blurred[1]).all()
    assert row.psnr_db[3] == psnr_db(clean, blurred)


def test_rows_of_a_single_frame_show_it() -> None:
    clean = texture(1, 24, 24)

    (row,) = degrade_rows(clean, "clip", ["dropped-frames"])

    assert all((frame == clean[0]).all() for frame in row.frames)
    assert row.psnr_db == (float("inf"),) * 5


@pytest.mark.slow
def test_script_draws_a_video(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    video = make_video(tmp_path / "a.avi", frames=40, size="120x96", audio=None)
    script = runpy.run_path(str(ROOT / "docs" / "figures" / "degradations.py"))

    script["draw"](video, tmp_path / "a.png")

    window = script["read_window"](video)
    height, width = imread(tmp_path / "a.png").shape[:2]
    assert window.shape == (10, 80, 80, 3)
    assert height > 11 * 80
    assert width > 6 * 80
