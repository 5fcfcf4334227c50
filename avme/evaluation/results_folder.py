"""Results folder of an evaluation: its name, and whether it may be written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avme.errors import ArtifactError, UsageError
from avme.evaluation.controls.mode_names import REAL
from avme.evaluation.predictions import PREDICTIONS_NPZ, SUMMARY
from avme.io.atomic import read_json
from avme.io.disk import try_write
from avme.shards.dataset import ClipEntry
from avme.weights.load import ImportedWeights
from avme.weights.load_classifier import results_of

PREDICTIONS = "predictions.csv"
PICTURE = "confusion.png"
CONTROLS_JSON = "controls.json"
CONTROLS_CSV = "controls.csv"
CURVES_PICTURE = "degradation.png"
CONTROL_FILES = (CONTROLS_JSON, CONTROLS_CSV, CURVES_PICTURE)
RESULT_FILES = (
    *(SUMMARY, PREDICTIONS_NPZ, PREDICTIONS, "per_class.csv", "confusion.csv", PICTURE),
    *CONTROL_FILES,
)
_BYTES_BESIDE_SCORES = 100_000
"""Bytes of summary, tables and figure."""
_BYTES_PER_ROW = 300
"""Bytes of a row of predictions.csv besides the id."""
_KINDS = (
    *(
        "split",
        "list",
        "subset",
        "modality",
        "audio",
        "frames",
        "degrade",
        "control_seed",
        "controls",
    ),
    *("views", "precision"),
)
"""Keys of a summary that tell evaluations of one checkpoint and dataset apart."""


def results_folder(weights: ImportedWeights, summary: Mapping[str, Any]) -> Path:
    """Return the folder in `<run>/eval/`, named after all that the summary describes.

    `<dataset>-split<split>-<list>-<checkpoint>-<segments>x<crops>`; a subset by audio follows the
    list, and a modality other than the classifier's, audio and frames that are not real and the
    controls follow the views. For weights without a run, the folder
    is below `runs/eval-<weights>/`.
    """
    checkpoint = Path(weights.file.name.removesuffix(".index.json")).stem
    parts = [summary["dataset"], f"split{summary['split']}", summary["list"]]
    if summary["subset"] != "all":
        parts.append(summary["subset"])
    parts += [checkpoint, "x".join(str(count) for count in summary["views"].values())]
    if summary["modality"] != summary["trained_modality"]:
        parts.append(summary["modality"])
    parts += [
        f"{name}-{summary[name]}"
        for name, without in (("audio", "v"), ("frames", "a"))
        if summary["modality"] != without and summary[name] not in (REAL, "protocol")
    ]
    parts += summary["degrade"]
    if summary["controls"]:
        parts.append("controls")
    return results_of(weights) / "-".join(parts)


def require_replaceable(
    folder: Path, summary: Mapping[str, Any], ranks: tuple[int, ...], *, overwrite: bool
) -> None:
    """Check that `folder` may be written.

    Args:
        folder: Results folder.
        summary: Known parts of the new summary; the message names what differs in the old one.
        ranks: Values of k.
        overwrite: Allow existing results to be replaced.

    Raises:
        UsageError: `folder` is a file, or holds results and `overwrite` is False.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, expected a folder: choose another with --out")
    there = [name for name in RESULT_FILES if (folder / name).exists()]
    if not there or overwrite:
        return
    raise UsageError(
        f"{folder} holds {_earlier(folder, there, summary, ranks)}: replace them with --overwrite, "
        "or choose another folder with --out"
    )


def is_finished(folder: Path, summary: Mapping[str, Any], ranks: tuple[int, ...]) -> bool:
    """Return True if `folder` holds the results of the same evaluation.

    Args:
        folder: Results folder.
        summary: Known parts of the new summary.
        ranks: Values of k.
    """
    try:
        earlier = _identity(read_json(folder / SUMMARY))
    except (ArtifactError, OSError, TypeError, ValueError):
        return False
    return earlier == _new_identity(summary, ranks)


def _earlier(
    folder: Path, there: list[str], summary: Mapping[str, Any], ranks: tuple[int, ...]
) -> str:
    try:
        earlier = _identity(read_json(folder / SUMMARY))
    except (ArtifactError, TypeError, ValueError):
        return f"earlier results ({there[0]})"
    new = _new_identity(summary, ranks)
    other = [name for name in new if new[name] != earlier[name]]
    return f"results of another {', '.join(other)}" if other else "the results of this evaluation"


def _new_identity(summary: Mapping[str, Any], ranks: tuple[int, ...]) -> dict[str, Any]:
    return _identity({**summary, **{f"top{k}": None for k in ranks}})


def _identity(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "checkpoint": dict(summary.get("checkpoint") or {}).get("sha256"),
        "dataset": summary.get("fingerprint"),
        **{key: summary.get(key) for key in _KINDS},
        "topk": {key for key in summary if key.startswith("top") and key[3:].isdecimal()},
    }


def require_room(folder: Path, entries: tuple[ClipEntry, ...], num_classes: int) -> None:
    """Check that the disk has room for the results, as far as can be estimated.

    Args:
        folder: Results folder.
        entries: Clips to score.
        num_classes: Number of classes.

    Raises:
        SystemRequirementError: Too little free space.
    """
    rows = sum(2 * len(entry.id) + _BYTES_PER_ROW for entry in entries)
    try_write(folder, _BYTES_BESIDE_SCORES + rows + 8 * len(entries) * num_classes)
