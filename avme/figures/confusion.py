"""Confusion matrix: rows are true classes, columns predicted classes.

Shape letters: l classes.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int
from matplotlib.figure import Figure

from avme.figures.plain_text import plain_text, shown_name
from avme.figures.title import add_title, save_png, title_size

_MOST_NUMBERS = 25
_MOST_INCHES = 24.0
_INCHES_PER_POINT = 1.0 / 72.0
_LINE_HEIGHT = 1.25
"""Height of a tick label, in units of its font size."""
_CHARACTER_WIDTH = 0.6
_DPI = 110


@plain_text()
def draw_confusion(
    path: Path, confusion: Int[np.ndarray, "l l"], classes: Sequence[str], title: str
) -> None:
    """Write a PNG. Colors are fractions of the true class, numbers are clips (few classes only).

    With too many classes for readable labels, only every n-th is labeled.

    Args:
        path: File to write.
        confusion: Clips by true and predicted class.
        classes: Class names.
        title: Title of the figure.
    """
    count = len(classes)
    size = 9 if count <= _MOST_NUMBERS else 6
    labels = [shown_name(name) for name in classes]
    longest = max(map(len, labels), default=0)
    beside = longest * _CHARACTER_WIDTH * size * _INCHES_PER_POINT
    side = min(3.0 + beside + 0.32 * count, _MOST_INCHES)
    figure = Figure(figsize=(max(side + 1.0, 5.0), side), layout="constrained")
    add_title(figure, title)
    axes = figure.add_subplot()
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of the true class", fontsize=title_size(figure))
    room = _MOST_INCHES - 3.0 - beside
    every = max(1, math.ceil(count * size * _LINE_HEIGHT * _INCHES_PER_POINT / room))
    ticks, named = range(0, count, every), labels[::every]
    axes.set_xticks(ticks, named, rotation=90, fontsize=size)
    axes.set_yticks(ticks, named, fontsize=size)
    axes.set_xlabel("predicted", fontsize=title_size(figure))
    axes.set_ylabel("true", fontsize=title_size(figure))
    if count <= _MOST_NUMBERS:
        for row, column in np.argwhere(confusion > 0):
            colour = "white" if share[row, column] > 0.5 else "black"
            number = str(confusion[row, column])
            axes.text(column, row, number, ha="center", va="center", color=colour, fontsize=8)
    save_png(figure, path, title, dpi=_DPI)
