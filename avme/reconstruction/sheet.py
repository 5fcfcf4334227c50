"""Sheet of reconstructed clips (paper Fig. 2): one row per version, frames from left to right.

Shape letters: t frames, h and w pixels, c colors; y and x pixels of a row of frames.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from avme.figures.plain_text import plain_text
from avme.figures.title import add_title, save_png, title_lines
from avme.io.atomic import replacing
from avme.reconstruction.strips import MOST_DIFFERENCE, Strip, color_table

_DPI: Final = 150
_CELL: Final = 1.0
_GAP: Final = 0.05
_LABEL: Final = 1.9
"""Side of a frame, gaps and width of the labels in inches."""
_HEADING: Final = 0.46
_BETWEEN: Final = 0.12
_MOST_ACROSS: Final = 8
"""Frames beside each other: blocks of few frames are put side by side."""
_ABOVE_TITLE: Final = 0.02
"""Fraction of the height that matplotlib leaves above a title."""
_FONT: Final = 8.5
_LABEL_CHARACTERS: Final = 28


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one clip."""

    title: str
    detail: str
    strips: tuple[Strip, ...]


@plain_text()
def draw_sheet(path: Path, blocks: Sequence[Block], note: str, title: str) -> None:
    """Write a PNG.

    Args:
        path: File to write.
        blocks: Clips, with the same number of frames.
        note: Text below all clips.
        title: Title of the figure.
    """
    with replacing(path) as temporary:
        save_png(_figure(blocks, note, title), temporary, title, dpi=_DPI)


def _figure(blocks: Sequence[Block], note: str, title: str) -> Figure:
    num_frames = len(blocks[0].strips[0].frames)
    across = min(len(blocks), max(1, _MOST_ACROSS // num_frames))
    wide = _LABEL + num_frames * (_CELL + _GAP)
    width = across * wide + (across - 1) * 0.2 + 0.1
    lines = [blocks[start : start + across] for start in range(0, len(blocks), across)]
    heights = [_HEADING + _height_of(max(line, key=lambda b: len(b.strips))) for line in lines]
    characters = int(width * 72 / (_FONT * 0.54))
    notes = [part for text in note.split("\n") for part in textwrap.wrap(text, characters)]
    bottom = 0.55 + 0.16 * len(notes)
    inches, count = title_lines(title, width)
    top = 0.1 + inches * count
    height = (top + sum(heights) + bottom) / (1.0 - _ABOVE_TITLE)
    top += _ABOVE_TITLE * height
    figure = Figure(figsize=(width, height), dpi=_DPI)
    add_title(figure, title)
    down = top
    for line, tall in zip(lines, heights, strict=True):
        for column, block in enumerate(line):
            _add_block(figure, block, column * (wide + 0.2), down)
        down += tall
    _add_scale(figure, _LABEL, bottom - 0.3)
    for number, text in enumerate(notes):
        y = (bottom - 0.47 - 0.16 * number) / height
        figure.text(0.1 / width, y, text, fontsize=_FONT, color="0.25", va="top")
    return figure


def _height_of(block: Block) -> float:
    return len(block.strips) * (_CELL + _GAP) + _BETWEEN * (len(block.strips) // 2)


def _add_block(figure: Figure, block: Block, left: float, top: float) -> None:
    """Add the rows of a clip; `left` and `top` in inches from the upper left corner."""
    width, height = figure.get_size_inches()
    wide = _LABEL + len(block.strips[0].frames) * (_CELL + _GAP)
    figure.text(
        (left + 0.1) / width,
        1 - (top + 0.06) / height,
        _cut(block.title, int(10 * wide)),
        fontsize=_FONT + 1,
        weight="bold",
        va="top",
    )
    figure.text(
        (left + 0.1) / width,
        1 - (top + 0.25) / height,
        _cut(block.detail, int(13 * wide)),
        fontsize=_FONT,
        color="0.25",
        va="top",
    )
    down = top + _HEADING
    for number, strip in enumerate(block.strips):
        axes = figure.add_axes(
            (
                (left + _LABEL) / width,
                1 - (down + _CELL) / height,
                (wide - _LABEL - _GAP) / width,
                _CELL / height,
            )
        )
        axes.imshow(_side_by_side(strip.frames), interpolation="antialiased", aspect="auto")
        axes.set_axis_off()
        _add_label(figure, strip, left, down)
        down += _CELL + _GAP + (_BETWEEN if number % 2 else 0.0)


def _add_label(figure: Figure, strip: Strip, left: float, down: float) -> None:
    width, height = figure.get_size_inches()
    name = textwrap.wrap(strip.name, _LABEL_CHARACTERS - 4)[:2]
    caption = [
        part
        for line in strip.caption.split("\n")
        for part in textwrap.wrap(line, _LABEL_CHARACTERS)
    ][:5]
    x = (left + _LABEL - 0.08) / width
    middle = down + _CELL / 2 - 0.065 * (len(name) + len(caption))
    for index, text in enumerate((*name, *caption)):
        is_name = index < len(name)
        figure.text(
            x,
            1 - (middle + 0.14 * index) / height,
            text,
            fontsize=_FONT if is_name else _FONT - 1,
            weight="bold" if is_name else "normal",
            color="black" if is_name else "0.25",
            ha="right",
            va="top",
        )


def _add_scale(figure: Figure, left: float, bottom: float) -> None:
    """Add the colors of differences with their values."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, bottom / height, 1.6 / width, 0.12 / height))
    axes.imshow(color_table()[None], aspect="auto")
    axes.set_axis_off()
    style: dict[str, Any] = {"fontsize": _FONT - 0.5, "va": "center", "color": "0.25"}
    y = (bottom + 0.06) / height
    figure.text((left - 0.08) / width, y, "difference: 0", ha="right", **style)
    most = f"{MOST_DIFFERENCE:.0f} or more of 255 gray levels, mean of the colors"
    figure.text((left + 1.66) / width, y, most, ha="left", **style)


def _side_by_side(frames: UInt8[np.ndarray, "t h w c"]) -> UInt8[np.ndarray, "y x c"]:
    """Return the frames in one row; small ones are enlarged by a whole factor."""
    factor = max(1, round(_CELL * _DPI / frames.shape[1]))
    frames = frames.repeat(factor, axis=1).repeat(factor, axis=2)
    gap = max(1, round(_GAP / _CELL * frames.shape[2]))
    white = np.full((frames.shape[1], gap, 3), 255, dtype=np.uint8)
    parts = [part for frame in frames for part in (frame, white)]
    return np.concatenate(parts[:-1], axis=1)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
