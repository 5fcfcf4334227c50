"""Confusion matrix and accuracy by class of an evaluation."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Int64

from avme.evaluation.predictions import Predictions
from avme.report.html import Markup, element, join
from avme.report.tables import Cell, Row, percent, table

_SHADES: Final = 10
_MOST_NAMED: Final = 25
"""Classes up to which the matrix has their names beside it."""
_AUDIO: Final = {"audible": "with audio", "silent": "silent audio", "none": "no audio track"}
_BARS: Final = {"audible": "blue", "silent": "orange", "none": "gray"}


def confusion_counts(found: Predictions) -> Int64[np.ndarray, "l l"]:
    """Count clips by true and predicted class.

    Shape letters: l classes.
    """
    size = len(found.classes)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (found.label, found.probability.argmax(axis=1)), 1)
    return counts


def matrix(found: Predictions, key: str) -> Markup:
    """Return the confusion matrix as SVG; the script opens the clips of a cell.

    Cells without clips are not drawn. Rows are true classes; the shade is the share of the row.

    Args:
        found: Predictions.
        key: Identifier of the evaluation in the page.
    """
    counts = confusion_counts(found)
    size = len(found.classes)
    has_names = size <= _MOST_NAMED
    cell = 24 if has_names else max(5, 606 // size)
    left = 8 + (7 * min(18, max(map(len, found.classes))) if has_names else 20)
    totals = np.maximum(counts.sum(axis=1), 1)
    cells = []
    for true, predicted in np.argwhere(counts).tolist():
        count = int(counts[true, predicted])
        shade = -(-_SHADES * count // int(totals[true]))
        style = f"{'right' if true == predicted else 'wrong'} s{min(shade, _SHADES)}"
        cells.append(
            element(
                "rect",
                x=left + cell * predicted,
                y=cell * true + 1,
                width=cell - 1,
                height=cell - 1,
                class_=style,
                data_t=true,
                data_p=predicted,
            )
        )
        if has_names:
            at = {"x": left + cell * (predicted + 0.5), "y": cell * (true + 0.5) + 5}
            dark = " on-dark" if 2 * shade > _SHADES else ""
            cells.append(element("text", count, **at, class_=f"count middle{dark}"))
    names = [
        element("text", _short(name), x=left - 6, y=cell * (at + 0.5) + 5, class_="tick end")
        for at, name in enumerate(found.classes)
    ]
    width, height = left + cell * size + 8, cell * size + 2
    frame = element(
        "rect", x=left - 1, y=0, width=cell * size + 1, height=cell * size + 1, class_="outline"
    )
    cursor = element(
        "rect", x=left, y=1, width=cell - 1, height=cell - 1, class_="cursor", visibility="hidden"
    )
    return element(
        "svg",
        element("title", "Confusion matrix: rows are true classes, columns predicted classes"),
        frame,
        *(names if has_names else ()),
        *cells,
        cursor,
        viewBox=f"0 0 {width} {height}",
        width=round(1.4 * width),
        class_="matrix",
        tabindex=0,
        role="application",
        data_eval=key,
        data_left=left,
        data_cell=cell,
        aria_label="Confusion matrix. Arrow keys choose a cell, Enter lists its clips.",
        xmlns="http://www.w3.org/2000/svg",
    )


def class_table(found: Predictions, name: str) -> Markup:
    """Return accuracy by class, overall and by audio, with bars.

    Args:
        found: Predictions.
        name: Name of downloaded files.
    """
    predicted = found.probability.argmax(axis=1)
    is_right = predicted == found.label
    audio = np.array(found.audio)
    kinds = [kind for kind in _AUDIO if (audio == kind).any()]
    split = kinds if len(kinds) > 1 else []
    columns = [
        "class",
        "clips",
        "top-1",
        "bar",
        "most frequent error",
        *(_AUDIO[kind] for kind in split),
    ]
    rows: list[Row] = []
    for label, class_name in enumerate(found.classes):
        among = found.label == label
        if not among.any():
            continue
        wrong = predicted[among & ~is_right]
        error = found.classes[int(np.bincount(wrong).argmax())] if len(wrong) else ""
        parts = [_share(is_right, among & (audio == kind)) for kind in split]
        drawn = [_bar(is_right, among & (audio == kind), kind) for kind in kinds]
        rows.append(
            [
                class_name,
                int(among.sum()),
                percent(float(is_right[among].mean())),
                join(*drawn),
                error,
                *parts,
            ]
        )
    bars = ", ".join(f"{_AUDIO[kind]} ({_BARS[kind]})" for kind in kinds)
    return table(f"Accuracy by class; bars: {bars}", columns, rows, name=name)


def _share(is_right: Bool[np.ndarray, " n"], among: Bool[np.ndarray, " n"]) -> Cell:
    if not among.any():
        return Cell("", None)
    share = float(is_right[among].mean())
    return Cell(f"{100 * share:.1f} % of {int(among.sum())}", share)


def _bar(is_right: Bool[np.ndarray, " n"], among: Bool[np.ndarray, " n"], kind: str) -> Markup:
    if not among.any():
        return Markup("")
    share = float(is_right[among].mean())
    said = f"{_AUDIO[kind]}: {100 * share:.1f} % of {int(among.sum())} clips"
    filled = element("rect", width=round(100 * share, 1), height=8, class_=f"bar {kind}")
    return element(
        "svg",
        element("title", said),
        element("rect", width=100, height=8, class_="empty"),
        filled,
        viewBox="0 0 100 8",
        class_="bar",
        role="img",
    )


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"
