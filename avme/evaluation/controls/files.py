"""Files of a battery of controls: controls.json and controls.csv in the results folder."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avme.evaluation.controls.attribution import (
    modality_confusion,
    perceptual_scores,
    shapley_values,
)
from avme.evaluation.controls.conditions import Condition, Outcomes
from avme.evaluation.controls.degradation_curves import DegradationCurve
from avme.evaluation.controls.table import COLUMNS, Row, tabulate
from avme.evaluation.controls.verdicts import SMALLEST, Verdict, judge
from avme.io.atomic import write_json, write_text

CONTROLS_JSON: Final = "controls.json"
CONTROLS_CSV: Final = "controls.csv"


@dataclass(frozen=True, slots=True)
class ControlReport:
    """Results of a battery."""

    rows: tuple[Row, ...]
    verdicts: Mapping[str, Verdict]
    perceptual: dict[str, Any] | None
    shapley: dict[str, Any] | None
    confusion: dict[str, Any] | None
    curves: tuple[DegradationCurve, ...]
    missing: Mapping[Condition, str]

    def as_record(self) -> dict[str, Any]:
        """Return the report as JSON; parts that were not measured are null."""
        return {
            "verdict": {key: each.as_record() for key, each in self.verdicts.items()},
            "smallest_effect": SMALLEST,
            "table": [row.as_record() for row in self.rows],
            "perceptual_score": self.perceptual,
            "shapley": self.shapley,
            "modality_confusion": self.confusion,
            "degradation": [curve.as_record() for curve in self.curves],
            "not_measured": {str(each): reason for each, reason in self.missing.items()},
        }


def summarize_controls(
    outcomes: Outcomes, curves: Sequence[DegradationCurve] = ()
) -> ControlReport:
    """Return table, verdicts and shares of the modalities."""
    return ControlReport(
        rows=tuple(tabulate(outcomes)),
        verdicts=judge(outcomes),
        perceptual=perceptual_scores(outcomes),
        shapley=shapley_values(outcomes),
        confusion=modality_confusion(outcomes),
        curves=tuple(curves),
        missing=outcomes.missing,
    )


def write_controls(folder: Path, report: ControlReport, summary: Mapping[str, Any]) -> None:
    """Write both files.

    Args:
        folder: Results folder.
        report: Results of the battery.
        summary: Summary of the plain evaluation, of which controls.json repeats the signature.
    """
    write_json(
        folder / CONTROLS_JSON,
        {
            "signature": summary.get("signature"),
            "interval_method": summary.get("interval_method"),
            **report.as_record(),
        },
    )
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for row in report.rows:
        table.writerow(
            {
                name: f"{value:.6f}" if isinstance(value, float) else value
                for name, value in row.as_record().items()
            }
        )
    write_text(folder / CONTROLS_CSV, text.getvalue())
