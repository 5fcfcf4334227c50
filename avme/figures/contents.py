"""Figures of a prepared dataset: clip lengths and clips per class.

Colors mark audio states, the same in every figure.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from avme.figures.plain_text import plain_text, shown_name
from avme.figures.title import add_title, save_png

_COLOURS: Final = {"audible": "#3b75af", "silent": "#e8a33d", "none": "#b0b0b0"}
_NAMES: Final = {"audible": "audible audio", "silent": "silent track", "none": "no track"}
_INCHES_PER_CLASS = 0.17
_DPI = 120
_LONG_TAIL = 0.995


@plain_text()
def draw_lengths(path: Path, seconds: Mapping[str, Float[np.ndarray, " n"]], title: str) -> None:
    """Write a PNG with a histogram of clip lengths, by audio state.

    The few longest clips are counted in the last bar.

    Args:
        path: File to write.
        seconds: Lengths in seconds, by audio state.
        title: Title of the figure.
    """
    lengths = np.concatenate([np.zeros(0), *seconds.values()])
    figure = Figure(figsize=(7.5, 4.0), layout="constrained")
    add_title(figure, title)
    axes = figure.add_subplot()
    last = float(np.quantile(lengths, _LONG_TAIL)) if len(lengths) else 1.0
    first = float(lengths.min()) if len(lengths) else 0.0
    if last - first < 0.04 * last:  # equal lengths: one bar in the middle
        first, last = 0.8 * first, 1.2 * last
    shown = [state for state in _COLOURS if len(seconds.get(state, ()))]
    if shown:
        axes.hist(
            [np.minimum(seconds[state], last) for state in shown],
            bins=list(np.linspace(first, last, 41)),
            stacked=True,
            color=[_COLOURS[state] for state in shown],
            label=[f"{_NAMES[state]} ({len(seconds[state])})" for state in shown],
        )
        axes.legend(frameon=False)
    beyond = int((lengths > last).sum())
    more = (
        f"; {beyond} longer clips, up to {lengths.max():.1f} s, in the last bar" if beyond else ""
    )
    axes.set(xlabel=f"length of a clip in seconds{more}", ylabel="clips")
    axes.spines[["top", "right"]].set_visible(False)
    save_png(figure, path, title, dpi=_DPI)


@plain_text()
def draw_classes(
    path: Path,
    classes: Sequence[str],
    clips: Mapping[str, Mapping[str, Int[np.ndarray, " l"]]],
    title: str,
) -> None:
    """Write a PNG with the clips of every class, one panel per subset, colored by audio state.

    Classes are sorted by their fraction of clips with audio, which shows a boundary between them.

    Shape letters: l classes.

    Args:
        path: File to write.
        classes: Class names.
        clips: For every subset, the clips per class by audio state.
        title: Title of the figure.
    """
    order = _by_share(classes, clips)
    height = max(2.4, 1.3 + _INCHES_PER_CLASS * max(len(classes), 5))
    figure = Figure(figsize=(10.0, height), layout="constrained")
    add_title(figure, title)
    panels = figure.subplots(1, len(clips), sharey=True, squeeze=False)[0]
    indices = np.arange(len(classes))
    for axes, (side, states) in zip(panels, clips.items(), strict=True):
        left = np.zeros(len(classes))
        for state, colour in _COLOURS.items():
            widths = states[state][order]
            axes.barh(indices, widths, 0.8, left, color=colour, label=_NAMES[state])
            left = left + widths
        axes.set_xlim(0.0, 1.04 * max(1.0, float(left.max(initial=0.0))))
        axes.set_title(f"{side}: {int(left.sum())} clips", fontsize=11)
        axes.set_xlabel("clips")
        axes.grid(axis="x", alpha=0.25)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(indices, [shown_name(classes[index]) for index in order], fontsize=8)
    panels[0].set_ylim(len(classes) - 0.4, -0.6)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    save_png(figure, path, title, dpi=_DPI)


def _by_share(
    classes: Sequence[str], clips: Mapping[str, Mapping[str, Int[np.ndarray, " l"]]]
) -> list[int]:
    audible = sum(states["audible"] for states in clips.values())
    total = sum(count for states in clips.values() for count in states.values())
    share = audible / np.maximum(total, 1)
    return sorted(range(len(classes)), key=lambda index: (-share[index], classes[index]))
