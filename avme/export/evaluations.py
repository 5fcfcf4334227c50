"""Newest evaluation of an exported checkpoint among the results of its run."""

from collections.abc import Mapping
from typing import Any, Final

from avme.errors import AvmeError
from avme.evaluation.controls.mode_names import REAL
from avme.evaluation.predictions import SUMMARY
from avme.io.atomic import read_json
from avme.train.run.lookup import run_folder
from avme.weights.load import ImportedWeights

_UNCHANGED: Final = (REAL, "protocol", None)


def newest_evaluation(weights: ImportedWeights) -> dict[str, Any] | None:
    """Return the summary of the newest evaluation of exactly these weights.

    Evaluations of degraded or replaced inputs, and of a part of the clips, are skipped, and so are
    files that cannot be read.
    """
    folder = run_folder(weights.file) / "eval"
    found: list[tuple[float, str, dict[str, Any]]] = []
    sha256 = weights.sha256()
    for file in folder.glob(f"*/{SUMMARY}"):
        try:
            summary = read_json(file)
            written = file.stat().st_mtime
        except (AvmeError, OSError):
            continue
        if _is_of(summary, sha256):
            found.append((written, str(file), summary))
    return max(found, key=lambda each: each[:2])[2] if found else None


def _is_of(summary: Mapping[str, Any], sha256: str) -> bool:
    checkpoint = summary.get("checkpoint")
    return (
        isinstance(checkpoint, Mapping)
        and checkpoint.get("sha256") == sha256
        and summary.get("audio") in _UNCHANGED
        and summary.get("frames") in _UNCHANGED
        and summary.get("modality") == summary.get("trained_modality")
        and summary.get("subset", "all") == "all"
        and summary.get("list", "test") == "test"
        and not summary.get("degrade")
    )


def accuracy_rows(summary: Mapping[str, Any]) -> list[tuple[str, int, dict[str, str]]]:
    """Return name, number of clips and formatted figures for all clips and each audio state.

    A figure is `92.86 % (88.1 to 96.8)`, without the interval if the summary lacks it.
    """
    names = {"all": "all clips", "audible": "audible", "silent": "silent", "none": "no track"}
    parts = [("all", summary), *(summary.get("by_audio") or {}).items()]
    return [(names.get(key, str(key)), int(part["n"]), _figures(part)) for key, part in parts]


def _figures(part: Mapping[str, Any]) -> dict[str, str]:
    tops = [key for key in part if key.startswith("top") and key[3:].isdecimal()]
    return {f"top-{key[3:]}": _figure(part, key) for key in sorted(tops, key=lambda k: int(k[3:]))}


def _figure(part: Mapping[str, Any], key: str) -> str:
    interval = (part.get("intervals") or {}).get(key)
    shown = f"{100 * part[key]:.2f} %"
    if interval is None:
        return shown
    low, high = (100 * float(bound) for bound in interval)
    return f"{shown} ({low:.1f} to {high:.1f})"
