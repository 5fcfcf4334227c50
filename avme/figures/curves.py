"""Training curves from metrics.jsonl: the pretraining loss and the fine-tunings from it.

A line is a dict with `kind` (train or validation) and `step`, as written by
`avme.train.metrics.loggers`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avme.figures.plain_text import plain_text, shown_name
from avme.figures.title import add_title, save_png

Lines = Sequence[Mapping[str, Any]]
_DPI = 130
_PROBE = "knn_"


@plain_text()
def draw_curves(
    path: Path,
    pretrain: Lines,
    finetunes: Mapping[str, Lines],
    title: str,
    levels: Mapping[str, float] | None = None,
) -> None:
    """Write a PNG: the pretraining loss, then loss and validation top-1 of every fine-tuning.

    k-NN probes of the pretraining, if there are any, are drawn beside its loss.

    Args:
        path: File to write.
        pretrain: Lines of the pretraining.
        finetunes: Lines of each fine-tuning, by name.
        title: Title of the figure.
        levels: Accuracies for comparison, such as chance, by name; drawn as lines.
    """
    figure = Figure(figsize=(13.0, 4.0), layout="constrained")
    add_title(figure, title)
    before, loss, accuracy = figure.subplots(1, 3)
    before.plot(*_points(pretrain, "train", "loss"), color="0.3")
    before.set(title="pretraining", ylabel="loss")
    before.set_ylim(bottom=0.0)
    _add_probes(before, pretrain)
    for name, lines in finetunes.items():
        loss.plot(*_points(lines, "train", "loss"), label=shown_name(name))
        accuracy.plot(*_points(lines, "validation", "top1"), label=shown_name(name))
    loss.set(title="fine-tuning", ylabel="loss")
    loss.set_ylim(bottom=0.0)
    accuracy.set(title="fine-tuning: validation", ylabel="top-1", ylim=(0.0, 1.03))
    for name, level in (levels or {}).items():
        accuracy.axhline(level, color="0.6", linestyle=":", linewidth=1.0)
        accuracy.annotate(
            name,
            (1.0, level),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="0.4",
        )
    for axes in (loss, accuracy):
        if finetunes:
            axes.legend(
                frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=4, fontsize=9
            )  # below the axes: inside it would cross a curve
    for axes in (before, loss, accuracy):
        _tidy(axes)
    figure.draw_without_rendering()  # the layout needs a second pass for text beside the axes
    save_png(figure, path, title, dpi=_DPI)


def _add_probes(axes: Axes, lines: Lines) -> None:
    """Draw the k-NN top-1 of every stage on an axis of its own at the right."""
    names = sorted({name for line in lines for name in line if name.startswith(_PROBE)})
    if not names:
        return
    right = axes.twinx()
    for name in names:
        right.plot(*_points(lines, "validation", name), label=name.removeprefix(_PROBE))
    right.set(ylabel="k-NN top-1", ylim=(0.0, 1.03))
    right.spines[["top"]].set_visible(False)
    right.legend(frameon=False, title="k-NN probe")


def _points(lines: Lines, kind: str, name: str) -> tuple[list[int], list[float]]:
    chosen = [line for line in lines if line["kind"] == kind and name in line]
    return [int(line["step"]) for line in chosen], [float(line[name]) for line in chosen]


def _tidy(axes: Axes) -> None:
    axes.set_xlabel("step")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
