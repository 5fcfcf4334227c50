"""The confusion matrix as a picture: rows are true classes, columns what was predicted.

Shape letters: l classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int
from matplotlib.figure import Figure

from avme.figures.title import add_title, save_png

_MOST_NUMBERS = 25
_DPI = 110


def draw_confusion(
    path: Path, confusion: Int[np.ndarray, "l l"], classes: Sequence[str], title: str
) -> None:
    """Writes a PNG; colours are shares of the true class, numbers (of few classes) are clips."""
    count = len(classes)
    side = min(3.0 + 0.32 * count, 24.0)
    figure = Figure(figsize=(side + 1.0, side), layout="constrained")
    add_title(figure, title)
    axes = figure.add_subplot()
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    size = 9 if count <= _MOST_NUMBERS else 6
    axes.set_xticks(range(count), classes, rotation=90, fontsize=size)
    axes.set_yticks(range(count), classes, fontsize=size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if count <= _MOST_NUMBERS:
        for row, column in np.argwhere(confusion > 0):
            colour = "white" if share[row, column] > 0.5 else "black"
            number = str(confusion[row, column])
            axes.text(column, row, number, ha="center", va="center", color=colour, fontsize=8)
    save_png(figure, path, title, dpi=_DPI)
