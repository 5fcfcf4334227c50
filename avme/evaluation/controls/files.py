"""Files of a battery of controls: two tables of results, and a figure of degradation curves."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.evaluation.controls.attribution import (
    modality_confusion,
    perceptual_scores,
    shapley_values,
)
from avme.evaluation.controls.conditions import Condition, Outcomes
from avme.evaluation.controls.degradation_curves import DegradationCurve, panel_of
from avme.evaluation.controls.table import COLUMNS, Row, tabulate
from avme.evaluation.controls.verdicts import SMALLEST, Verdict, judge
from avme.evaluation.results_folder import CONTROLS_CSV, CONTROLS_JSON, CURVES_PICTURE
from avme.figures.degradation import draw_degradation
from avme.figures.drawing import draw_or_warn
from avme.io.atomic import write_json, write_text
from avme.progress import Reporter
from avme.train.run.lookup import run_folder


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


def draw_controls(
    folder: Path, found: ControlReport, summary: Mapping[str, Any], report: Reporter
) -> None:
    """Draw the degradation curves, if there are any; a failure is reported.

    Args:
        folder: Results folder.
        found: Results of the battery.
        summary: Summary of the plain evaluation.
        report: Receives the warning.
    """
    if not found.curves:
        return
    path = Path(summary["checkpoint"]["path"])
    title = (
        f"{summary['dataset']}, split {summary['split']}, {summary['list']}: top-1 of the "
        f"{found.curves[0].area.n} clips with audio\n{run_folder(path).resolve().name}, "
        f"{path.name}; bands are 95 % intervals over {summary['interval_method']['unit']}s"
    )

    def draw(target: Path) -> None:
        draw_degradation(target, {each.kind: panel_of(each) for each in found.curves}, title)

    draw_or_warn(folder / CURVES_PICTURE, draw, report)
