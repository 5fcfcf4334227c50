"""Batteries of several runs: mean and deviation of each condition, and the verdicts of each run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avme.errors import ArtifactError
from avme.evaluation.controls.mode_names import REAL
from avme.evaluation.results_folder import CONTROLS_JSON
from avme.evaluation.spread import mean_and_deviation
from avme.io.atomic import read_json

_CONDITION = ("audio", "frames", "degradation", "clips")
"""Columns that name a row of the table."""
_CURVES = ("real", "null", "gain")


def summarize_batteries(folders: Sequence[Path]) -> dict[str, Any]:
    """Return the summary of the batteries in several results folders.

    Conditions and degradations that one run lacks are left out.

    Args:
        folders: Results folder of each run.

    Raises:
        ArtifactError: A folder has no battery, or a damaged one.
    """
    found = [_read(folder / CONTROLS_JSON) for folder in folders]
    tables = [{_name(row): row for row in each["table"]} for each in found]
    curves = [{curve["kind"]: curve for curve in each["degradation"]} for each in found]
    return {
        "runs": len(found),
        "verdict": {
            key: [each["verdict"][key]["verdict"] for each in found] for key in found[0]["verdict"]
        },
        "table": [
            {
                "condition": _label(*name[:3]),
                **dict(zip(_CONDITION, name, strict=True)),
                **{
                    value: mean_and_deviation([float(table[name][value]) for table in tables])
                    for value in ("top1", "difference")
                },
            }
            for name in tables[0]
            if all(name in table for table in tables)
        ],
        "degradation": [
            _summarize_curves([each[kind] for each in curves])
            for kind, first in curves[0].items()
            if all(
                kind in each and each[kind]["severities"] == first["severities"] for each in curves
            )
        ],
    }


def _read(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not {"verdict", "table", "degradation"} <= found.keys():
        raise ArtifactError(
            f"{path} is no battery of controls: repeat `avme eval` with --overwrite"
        )
    return found


def _name(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[key]) for key in _CONDITION)


def _label(audio: str, frames: str, degradation: str) -> str:
    """Return the name of a condition, as `Condition` has it."""
    parts = [f"audio {audio}"] if audio != REAL else []
    parts += [f"frames {frames}"] if frames != REAL else []
    return ", ".join([*parts, *([degradation] if degradation else [])]) or REAL


def _summarize_curves(curves: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = curves[0]
    return {
        "kind": first["kind"],
        "severities": first["severities"],
        **{
            name: [
                mean_and_deviation([float(curve[name][index]["mean"]) for curve in curves])
                for index in range(len(first["severities"]))
            ]
            for name in _CURVES
        },
        **{
            name: mean_and_deviation([float(curve[name]["mean"]) for curve in curves])
            for name in ("area", "growth")
        },
    }
