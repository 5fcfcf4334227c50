"""Output of the commands on features: accuracies with intervals, and JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..terminal.output import print_line
from ..terminal.table import print_table

if TYPE_CHECKING:
    from avme.evaluation.intervals import Groups, Interval
    from avme.features.file import FeatureTable
    from avme.features.top_k import Tops


def print_source(
    table: "FeatureTable",
    num_train: int,
    num_test: int,
    left_out: tuple[int, int],
    what: str | None = None,
) -> None:
    """Print which features are used, and how many clips are left out.

    Args:
        table: Features.
        num_train: Clips of the train list.
        num_test: Clips of the test list.
        left_out: Clips without usable audio of both lists.
        what: Name of the features; None for the stage.
    """
    facts = table.facts
    print_line(
        f"{what or facts['stage']} features ({facts['pool']}), split {facts['split']}: {num_train} "
        f"train, {num_test} test clips"
    )
    if any(left_out):
        print_line(f"left out without usable audio: {left_out[0]} train, {left_out[1]} test clips")


def print_accuracies(name: str, rows: "Mapping[str, Tops]", groups: "Groups") -> None:
    """Print a table of accuracies with intervals.

    Args:
        name: Title of the first column.
        rows: Accuracies of each row.
        groups: Groups that the intervals resample.
    """
    ranks = list(next(iter(rows.values())).accuracy)
    header = (name, *(cell for k in ranks for cell in (f"top-{k}", "95 %")))
    lines = []
    for title, tops in rows.items():
        cells = [format_share(tops.accuracy[k], tops.interval[k]) for k in ranks]
        lines.append((title, *(cell for pair in cells for cell in pair)))
    print_table("", header, lines)
    print_intervals(groups)


def format_share(share: float, interval: "Interval") -> tuple[str, str]:
    """Format a share and its interval in percent."""
    return f"{100 * share:.2f} %", f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"


def print_intervals(groups: "Groups") -> None:
    """Print the method of the intervals."""
    method = groups.describe()
    print_line(f"intervals: bootstrap over {method['groups']} {method['unit']}s")


def write_record(record: Mapping[str, Any], out: Path | None) -> None:
    """Write the result as JSON, if a file is given, and print its name."""
    if out is None:
        return
    from avme.io.atomic import write_json

    write_json(out, dict(record))
    print_line(out)
