"""Result files of an evaluation.

`summary.json` is written last: a folder without it is unfinished.
"""

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from jaxtyping import Int64

from avme.evaluation.predictions import PREDICTIONS_NPZ, SUMMARY
from avme.evaluation.results_folder import CONTROL_FILES, PICTURE, PREDICTIONS, RESULT_FILES
from avme.figures.confusion import draw_confusion
from avme.figures.drawing import draw_or_warn
from avme.io.atomic import replacing, write_json, write_text
from avme.io.escape import escape_formula, escape_text
from avme.progress import Reporter
from avme.shards.dataset import ClipEntry
from avme.train.evaluator import EvalScores
from avme.train.run.lookup import run_folder

_MOST_RANKED = 5


def write_results(
    folder: Path,
    summary: Mapping[str, Any],
    scores: EvalScores,
    entries: tuple[ClipEntry, ...],
    classes: tuple[str, ...],
    ranks: tuple[int, ...],
) -> None:
    """Write predictions, the table of classes, the confusion matrix and the summary.

    On a full disk all of them are deleted, so that the same command works once there is room.

    Args:
        folder: Results folder.
        summary: Content of summary.json.
        scores: Scores of all clips.
        entries: Scored clips.
        classes: Class names.
        ranks: Values of k.

    Raises:
        OSError: The disk is full or the folder not writable.
    """
    try:
        _write_files(folder, summary, scores, entries, classes, ranks)
    except BaseException:
        for name in RESULT_FILES:
            with suppress(OSError):
                (folder / name).unlink()
        with suppress(OSError):
            folder.rmdir()
        raise


def _write_files(
    folder: Path,
    summary: Mapping[str, Any],
    scores: EvalScores,
    entries: tuple[ClipEntry, ...],
    classes: tuple[str, ...],
    ranks: tuple[int, ...],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (SUMMARY, PICTURE, *CONTROL_FILES):  # figure of the replaced results
        (folder / name).unlink(missing_ok=True)
    with replacing(folder / PREDICTIONS_NPZ) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            id=np.array([entry.id for entry in entries]),
            group=np.array([entry.group for entry in entries]),
            audio=np.array([entry.audio for entry in entries]),
            label=scores.label,
            probability=scores.probability,
            views=scores.views,
            classes=np.array(classes),
        )
    with replacing(folder / PREDICTIONS) as temporary, temporary.open("w", newline="") as file:
        _write_predictions(file, scores, entries, classes)
    write_text(folder / "per_class.csv", _per_class(scores, classes, ranks))
    header = [["true \\ predicted", *classes]]
    counts = _confusion(scores, len(classes)).tolist()
    rows = [[name, *line] for name, line in zip(classes, counts, strict=True)]
    write_text(folder / "confusion.csv", _csv(header + rows))
    write_json(folder / SUMMARY, dict(summary))


def draw_results(
    folder: Path,
    summary: Mapping[str, Any],
    scores: EvalScores,
    classes: tuple[str, ...],
    ranks: tuple[int, ...],
    report: Reporter,
) -> None:
    """Draw the confusion matrix; a failure is reported and does not affect the results.

    Args:
        folder: Results folder.
        summary: Content of summary.json.
        scores: Scores of all clips.
        classes: Class names.
        ranks: Values of k.
        report: Receives the warning.
    """
    confusion, title = _confusion(scores, len(classes)), _title(summary, ranks)

    def draw(path: Path) -> None:
        draw_confusion(path, confusion, classes, title)

    draw_or_warn(folder / PICTURE, draw, report)


def _confusion(scores: EvalScores, num_classes: int) -> Int64[np.ndarray, "l l"]:
    """Count clips by true and predicted class.

    Shape letters: l classes.
    """
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (scores.label, scores.probability.argmax(axis=1)), 1)
    return counts


def _title(summary: Mapping[str, Any], ranks: tuple[int, ...]) -> str:
    checkpoint, (segments, crops) = summary["checkpoint"], summary["views"].values()
    path = Path(checkpoint["path"])
    tops = ", ".join(f"top-{k} {100 * summary[f'top{k}']:.2f} %" for k in ranks)
    where = f"{summary['dataset']}, split {summary['split']}, {summary['list']}"
    if summary["subset"] != "all":
        where += f", {summary['subset']} clips only"
    return (
        f"{where}: {tops} of n = {summary['n']} clips\n"
        f"{run_folder(path).resolve().name}, {path.name} at step {checkpoint['step']}, modality "
        f"{summary['modality']}, {segments} x {crops} views"
    )


def _write_predictions(
    file: TextIO, scores: EvalScores, entries: tuple[ClipEntry, ...], classes: tuple[str, ...]
) -> None:
    """Write a row per clip: its class, and the most probable classes with their probabilities."""
    count = min(_MOST_RANKED, len(classes))
    ranked = [f"{name}{k}" for k in range(1, count + 1) for name in ("predicted", "probability")]
    file.write(_csv([["id", "class", "group", "audio", *ranked]]))
    for entry, probability in zip(entries, scores.probability, strict=True):
        best = np.argsort(-probability, kind="stable")[:count]
        cells = [cell for at in best for cell in (classes[at], f"{probability[at]:.6f}")]
        file.write(_csv([[entry.id, entry.class_name, entry.group, entry.audio, *cells]]))


def _per_class(scores: EvalScores, classes: tuple[str, ...], ranks: tuple[int, ...]) -> str:
    rows: list[list[Any]] = [["class", "n", *(f"top{k}" for k in ranks)]]
    for label, name in enumerate(classes):
        among = scores.label == label
        if among.any():
            tops = [f"{scores.top(k, among):.6f}" for k in ranks]
            rows.append([name, int(among.sum()), *tops])
    return _csv(rows)


def _csv(rows: list[list[Any]]) -> str:
    """Format CSV for spreadsheets: class names such as `=...` are not read as formulas.

    Control characters are escaped.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        shown = (escape_text(cell) if isinstance(cell, str) else cell for cell in row)
        writer.writerow([escape_formula(cell) for cell in shown])
    return text.getvalue()
