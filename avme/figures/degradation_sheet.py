"""Sheet of degraded frames: one row per kind, one column per severity, with the PSNR below.

Shape letters: t frames, h and w pixels, c colors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from avme.corruptions.degradation import parse_degradation
from avme.corruptions.kinds import KINDS, SEVERITIES
from avme.corruptions.psnr import psnr_db
from avme.figures.plain_text import plain_text
from avme.figures.title import add_title, save_png

_DPI: Final = 100
_MIN_CELL_PIXELS: Final = 80
"""Smaller frames are enlarged by a whole factor."""
_GAP: Final = 4
_LEFT: Final = 26
_TOP: Final = 74
_TEXT: Final = 18
"""Margins and height of the text below a frame, in pixels of the figure."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One frame of a window at severities 0 to 5, and the PSNR of the window at 1 to 5."""

    kind: str
    frames: tuple[UInt8[np.ndarray, "h w c"], ...]
    psnr_db: tuple[float, ...]


def degrade_rows(
    frames: UInt8[np.ndarray, "t h w c"],
    clip_id: str,
    kinds: Sequence[str] | None = None,
) -> list[SheetRow]:
    """Degrade a window with every kind and severity; its last frame but one is shown.

    Args:
        frames: RGB frames of the window.
        clip_id: Id of the clip, which seeds noise.
        kinds: Kinds of frames; all by default.
    """
    shown = max(0, len(frames) - 2)
    rows = []
    for kind in kinds or [each.name for each in KINDS.values() if each.modality == "frames"]:
        worse = [each.apply(frames, clip_id) for each in parse_degradation(kind)]
        pictures = (frames[shown], *(each[shown].copy() for each in worse))
        rows.append(SheetRow(kind, pictures, tuple(psnr_db(frames, each) for each in worse)))
    return rows


@plain_text()
def draw_degradation_sheet(path: Path, rows: Sequence[SheetRow], title: str) -> None:
    """Write a PNG.

    Args:
        path: File to write.
        rows: Kinds, with frames of one size.
        title: Title of the figure.
    """
    height, width = rows[0].frames[0].shape[:2]
    scale = max(1, -(-_MIN_CELL_PIXELS // min(height, width)))
    high, wide = scale * height, scale * width
    across = _LEFT + (1 + len(SEVERITIES)) * (wide + _GAP)
    down = _TOP + len(rows) * (high + _TEXT)
    figure = Figure(figsize=(across / _DPI, down / _DPI), dpi=_DPI)
    add_title(figure, title)
    for number, row in enumerate(rows):
        bottom = down - _TOP - number * (high + _TEXT) - high
        for severity, frame in enumerate(row.frames):
            left = _LEFT + severity * (wide + _GAP)
            axes = figure.add_axes((left / across, bottom / down, wide / across, high / down))
            axes.imshow(frame, interpolation="nearest", aspect="auto")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            axes.set_xlabel(_caption(row, severity), fontsize=7, labelpad=1.5)
            if number == 0:
                axes.set_title(str(severity) if severity else "clean", fontsize=8, pad=2)
            if severity == 0:
                axes.set_ylabel(row.kind, fontsize=7, labelpad=2)
    save_png(figure, path, title, dpi=_DPI)


def _caption(row: SheetRow, severity: int) -> str:
    if severity == 0:
        return ""
    found = row.psnr_db[severity - 1]
    return "equal" if found == float("inf") else f"{found:.1f} dB"
