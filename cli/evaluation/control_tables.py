"""Table and verdicts of a battery of controls."""

from typing import TYPE_CHECKING

from ..terminal.output import print_line, verbatim

if TYPE_CHECKING:
    from avme.evaluation.contrasts import Estimate
    from avme.evaluation.controls.files import ControlReport

_QUESTIONS = {
    "audio_gain": "does audio help?",
    "content": "does it need the right audio?",
    "class_only": "does audio of the class suffice?",
    "timing": "does the timing matter?",
    "presence": "is it only the presence?",
    "motion": "does motion matter?",
}


def print_controls(report: "ControlReport") -> None:
    """Print a table for each set of clips, the verdicts and the shares of the modalities."""
    from rich.table import Table

    console = verbatim()
    for clips in dict.fromkeys(row.clips for row in report.rows):
        rows = [
            row
            for row in report.rows
            if row.clips == clips and row.condition.degradation is None  # drawn in the figure
        ]
        table = Table()
        table.add_column(f"{clips}, n = {rows[0].top1.n}")
        for name in ("top-1", "95 %", "- real", "95 %"):
            table.add_column(name, justify="right")
        for row in rows:
            is_real = str(row.condition) == "real"
            difference = ("", "") if is_real else _points(row.difference)
            table.add_row(str(row.condition), *_percent(row.top1), *difference)
        console.print(table)
    for key, verdict in report.verdicts.items():
        print_line(f"{_QUESTIONS[key]} {verdict.verdict}. {verdict.words}")
    for line in _share_lines(report):
        print_line(line)


def _share_lines(report: "ControlReport") -> list[str]:
    lines = []
    if report.shapley is not None:
        audio, frames, gain = (
            100 * report.shapley[name]["mean"] for name in ("audio", "frames", "gain")
        )
        lines.append(
            f"Shapley values: frames {frames:+.1f}, audio {audio:+.1f} of {gain:+.1f} points over "
            "no input (null audio, blank frames)"
        )
    if report.perceptual is not None:
        audio, frames = (100 * report.perceptual[name]["mean"] for name in ("audio", "frames"))
        lines.append(f"perceptual score: frames {frames:+.1f}, audio {audio:+.1f} points")
    if report.confusion is not None:
        v, a = (100 * report.confusion[name]["mean"] for name in ("v", "a"))
        lines.append(f"wrong, but right with frames alone: {v:.1f} %, with audio alone: {a:.1f} %")
    for curve in report.curves:
        area, growth = (" ".join(_points(each)) for each in (curve.area, curve.growth))
        lines.append(f"{curve.kind}: mean gain of audio {area}; more than on clean clips {growth}")
    return lines


def _percent(found: "Estimate") -> tuple[str, str]:
    return f"{100 * found.mean:.2f} %", f"{100 * found.low:.1f} to {100 * found.high:.1f}"


def _points(found: "Estimate") -> tuple[str, str]:
    return f"{100 * found.mean:+.2f}", f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
