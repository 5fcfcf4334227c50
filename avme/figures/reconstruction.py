"""Figure of reconstructed clips (paper Fig. 2): one row per clip, one column per version.

Every cell shows some frames of the clip, in temporal order from left to right.

Shape letters: t frames, h and w pixels, c colors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avme.figures.plain_text import plain_text, shown_name
from avme.figures.title import add_title, save_png

_INCHES_PER_FRAME = 0.85
_GAP_SHARE = 0.04
_DPI = 150


@dataclass(frozen=True, slots=True)
class Cell:
    """Version of a clip: original, visible tokens, or reconstruction."""

    frames: UInt8[np.ndarray, "t h w c"]
    caption: str = ""
    """Text below the frames."""


@dataclass(frozen=True, slots=True)
class ClipRow:
    """Clip with its versions, in the order of the columns."""

    name: str
    cells: tuple[Cell, ...]


@plain_text()
def draw_reconstruction(
    path: Path, rows: Sequence[ClipRow], columns: Sequence[str], note: str, title: str
) -> None:
    """Write a PNG.

    Args:
        path: File to write.
        rows: Clips.
        columns: Titles of the versions.
        note: Text below all rows.
        title: Title of the figure.
    """
    save_png(_figure(rows, columns, note, title), path, title, dpi=_DPI)


@plain_text()
def paint_reconstruction(
    rows: Sequence[ClipRow], columns: Sequence[str], note: str, title: str
) -> UInt8[np.ndarray, "h w 3"]:
    """Render the figure to pixels.

    Args:
        rows: Clips.
        columns: Titles of the versions.
        note: Text below all rows.
        title: Title of the figure.
    """
    canvas = FigureCanvasAgg(_figure(rows, columns, note, title))
    canvas.figure.set_dpi(_DPI)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(pixels[..., :3])


def _figure(rows: Sequence[ClipRow], columns: Sequence[str], note: str, title: str) -> Figure:
    num_frames = len(rows[0].cells[0].frames)
    width = len(columns) * num_frames * _INCHES_PER_FRAME + 0.5
    figure = Figure(figsize=(width, 1.15 * len(rows) * _INCHES_PER_FRAME + 1.05))
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.03)
    add_title(figure, title)
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for line, row in zip(grid, rows, strict=True):
        for axes, cell in zip(line, row.cells, strict=True):
            axes.imshow(_side_by_side(cell.frames), interpolation="nearest")
            axes.set_xlabel(cell.caption, fontsize=8, labelpad=2)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(shown_name(row.name), fontsize=8)
    for axes, title in zip(grid[0], columns, strict=True):
        axes.set_title(title, fontsize=11)
    figure.supxlabel(note, fontsize=8, color="0.3")
    return figure


def _side_by_side(frames: UInt8[np.ndarray, "t h w c"]) -> UInt8[np.ndarray, "h v c"]:
    gap = max(1, round(_GAP_SHARE * frames.shape[2]))
    white = np.full((frames.shape[1], gap, 3), 255, dtype=np.uint8)
    parts = [part for frame in frames for part in (frame, white)]
    return np.concatenate(parts[:-1], axis=1)
