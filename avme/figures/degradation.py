"""Degradation curves: accuracy by severity, with real and with null audio.

Shape letters: s severities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from avme.figures.plain_text import plain_text, shown_name
from avme.figures.title import add_title, save_png

_DPI = 130
_MOST_COLUMNS = 4
_COLORS = {"real audio": "tab:blue", "null audio": "tab:orange"}


@dataclass(frozen=True, slots=True)
class Band:
    """Accuracies by severity with their intervals, as shares."""

    mean: Float64[np.ndarray, " s"]
    low: Float64[np.ndarray, " s"]
    high: Float64[np.ndarray, " s"]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves of one kind of degradation."""

    severities: tuple[int, ...]
    real: Band
    null: Band
    note: str
    """Text below the name, such as the area between the curves."""


@plain_text()
def draw_degradation(path: Path, panels: Mapping[str, Panel], title: str) -> None:
    """Write a PNG with one panel for each kind; bands are the intervals.

    Args:
        path: File to write.
        panels: Curves by kind.
        title: Title of the figure.
    """
    columns = min(len(panels), _MOST_COLUMNS)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(max(5.0, 3.6 * columns), 1.0 + 3.0 * rows), layout="constrained")
    add_title(figure, title)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    everything = [axes for row in grid for axes in row]
    for axes, (kind, panel) in zip(everything, panels.items(), strict=False):
        _draw_panel(axes, kind, panel)
    for row in grid:
        row[0].set_ylabel("top-1 (%)")
    for axes in everything[len(panels) :]:
        axes.set_axis_off()
    everything[0].legend(frameon=False, fontsize=8, loc="best")
    save_png(figure, path, title, dpi=_DPI)


def _draw_panel(axes: Axes, kind: str, panel: Panel) -> None:
    for (name, color), band in zip(_COLORS.items(), (panel.real, panel.null), strict=True):
        axes.fill_between(
            panel.severities, 100 * band.low, 100 * band.high, color=color, alpha=0.2, linewidth=0
        )
        axes.plot(
            panel.severities, 100 * band.mean, color=color, marker="o", markersize=4, label=name
        )
    axes.set_title(f"{shown_name(kind)}\n{panel.note}", fontsize=9, loc="left")
    axes.set_xlabel("severity")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0.0, 103.0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
