"""Tables and verdicts of a battery of controls, of one run or of several."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..terminal.output import print_line, verbatim

if TYPE_CHECKING:
    from avme.evaluation.contrasts import Estimate
    from avme.evaluation.controls.degradation_curves import DegradationCurve
    from avme.evaluation.controls.files import ControlReport

_QUESTIONS: Final = {
    "audio_gain": "does audio help?",
    "content": "does it need the right audio?",
    "class_only": "does audio of the class suffice?",
    "timing": "does the timing matter?",
    "presence": "is it only the presence?",
    "motion": "does motion matter?",
}
_DIFFERENCE: Final = (
    "top-1 in %; - real: difference to the clips as they are, in points, paired by clip"
)
_GAIN: Final = (
    "top-1 in %; gain: real audio less null audio, in points; mean: over the severities; "
    "growth: mean gain less that on clean clips"
)


def print_controls(report: "ControlReport") -> None:
    """Print a table for each set of clips, the curves, the verdicts and the shares."""
    from rich.table import Table

    console = verbatim()
    for clips in dict.fromkeys(row.clips for row in report.rows):
        rows = [
            row
            for row in report.rows
            if row.clips == clips and row.condition.degradation is None  # in the table of curves
        ]
        table = Table()
        table.add_column(f"{clips}, n = {rows[0].top1.n}")
        for name in ("top-1", "95 %", "- real", "95 %"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            is_real = str(row.condition) == "real"
            difference = ("", "") if is_real else _points(row.difference)
            table.add_row(str(row.condition), *_percent(row.top1), *difference)
        console.print(table)
    print_line(_DIFFERENCE)
    if report.curves:
        _print_curves(report.curves)
    for key, verdict in report.verdicts.items():
        print_line(f"{_QUESTIONS[key]} {verdict.verdict}. {verdict.words}")
    for line in _share_lines(report):
        print_line(line)


def _print_curves(curves: "tuple[DegradationCurve, ...]") -> None:
    from rich.table import Table

    table = Table()
    table.add_column(f"with audio, n = {curves[0].area.n}")
    for name in ("real audio", "null audio", "gain", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for curve in curves:
        each = zip(curve.severities, curve.real, curve.null, curve.gain, strict=True)
        for severity, real, null, gain in each:
            name = f"{curve.kind}={severity}" if severity else "clean"
            table.add_row(name, _percent(real)[0], _percent(null)[0], *_points(gain))
        table.add_row("mean", "", "", *_points(curve.area))
        table.add_row("growth", "", "", *_points(curve.growth))
        table.add_section()
    verbatim().print(table)
    print_line(_GAIN)


def print_control_runs(battery: Mapping[str, Any]) -> None:
    """Print mean and deviation of every condition over several runs, and the verdicts of each.

    Args:
        battery: `controls_summary` of the summary of a set of runs.
    """
    from rich.table import Table

    console = verbatim()
    for clips in dict.fromkeys(row["clips"] for row in battery["table"]):
        table = Table()
        rows = [row for row in battery["table"] if row["clips"] == clips and not row["degradation"]]
        table.add_column(f"{clips}, mean of {battery['runs']} runs")
        for name in ("top-1", "- real"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            is_real = row["condition"] == "real"
            difference = "" if is_real else _spread(row["difference"], "+")
            table.add_row(row["condition"], _spread(row["top1"]), difference)
        console.print(table)
    print_line(_DIFFERENCE)
    if battery["degradation"]:
        table = Table()
        table.add_column("clips with audio")
        for name in ("real audio", "null audio", "gain"):
            table.add_column(name, justify="right", no_wrap=True)
        for curve in battery["degradation"]:
            names = (f"{curve['kind']}={each}" if each else "clean" for each in curve["severities"])
            for name, *cells in zip(
                names, curve["real"], curve["null"], curve["gain"], strict=True
            ):
                table.add_row(name, *map(_spread, cells[:2]), _spread(cells[2], "+"))
            table.add_row("mean", "", "", _spread(curve["area"], "+"))
            table.add_row("growth", "", "", _spread(curve["growth"], "+"))
            table.add_section()
        console.print(table)
        print_line(_GAIN)
    for key, found in battery["verdict"].items():
        print_line(f"{_QUESTIONS[key]} {'; '.join(found)} (in the order of the runs)")


def _share_lines(report: "ControlReport") -> list[str]:
    lines = []
    if report.shapley is not None:
        audio, frames, gain = (
            _record(report.shapley[name]) for name in ("audio", "frames", "gain")
        )
        lines.append(
            f"Shapley values: frames {frames}, audio {audio} of {gain} points over no input (null "
            "audio, blank frames)"
        )
    if report.perceptual is not None:
        audio, frames = (_record(report.perceptual[name]) for name in ("audio", "frames"))
        lines.append(
            f"perceptual score, the top-1 lost if one of both is permuted across clips: frames "
            f"{frames}, audio {audio} points"
        )
    if report.confusion is not None:
        v, a = (_record(report.confusion[name], "") for name in ("v", "a"))
        lines.append(
            f"modality confusion, wrong but right without the other: frames alone {v} %, audio "
            f"alone {a} % of the clips"
        )
    return lines


def _percent(found: "Estimate") -> tuple[str, str]:
    return f"{100 * found.mean:.2f}", f"{100 * found.low:.1f} to {100 * found.high:.1f}"


def _points(found: "Estimate") -> tuple[str, str]:
    return f"{100 * found.mean:+.2f}", f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"


def _record(found: Mapping[str, Any], sign: str = "+") -> str:
    """Return an estimate of controls.json with its interval."""
    mean, low, high = (f"{100 * each:{sign}.1f}" for each in (found["mean"], *found["interval"]))
    return f"{mean} ({low} to {high})"


def _spread(figure: Mapping[str, float], sign: str = "") -> str:
    return f"{100 * figure['mean']:{sign}.2f} ± {100 * figure['deviation']:.2f}"
