"""`avme compare`: two evaluations of the same clips."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..terminal.output import print_line, verbatim
from .eval_tables import BY_AUDIO

if TYPE_CHECKING:
    from avme.evaluation.paired_tests import PairedDifference
    from avme.stages.compare import Comparison

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme compare runs/finetune-ucf101-v runs/finetune-ucf101-av
    avme compare A/eval/ucf101-split1-test-best-5x3 B/eval/ucf101-split1-test-best-5x3
    avme compare A B --out compare.json"""

First = Annotated[
    Path, typer.Argument(metavar="A", help="Results folder of `avme eval`, or a run.")
]
Second = Annotated[Path, typer.Argument(metavar="B", help="The same of the other classifier.")]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="JSON file to write.", show_default="none")
]


@app.command(epilog=_EXAMPLES)
def compare(first: First, second: Second, out: Out = None) -> None:
    """Compare two evaluations of the same clips: B against A, paired by clip."""
    from avme.stages.compare import compare as run
    from avme.stages.compare import require_comparison_file

    if out is not None:
        require_comparison_file(out)
    found = run(first, second)
    print_comparison(found)
    if out is not None:
        from avme.io.atomic import write_json

        write_json(out, found.as_record())
        print_line(out)


def print_comparison(found: "Comparison") -> None:
    """Print the difference, overall and by audio state, and where predictions changed."""
    from rich.table import Table

    table = Table()
    for name in ("clips", "n", "B - A", "95 %", "p", "A / B", "McNemar"):
        is_name = name == "clips"
        table.add_column(name, justify="left" if is_name else "right", no_wrap=not is_name)
    table.add_row("all clips", str(len(found.first.id)), *_cells(found.paired))
    for state, (count, paired) in found.by_audio.items():
        table.add_row(BY_AUDIO.get(state, state), str(count), *_cells(paired))
    console = verbatim()
    names = (("A", found.first, found.top1[0]), ("B", found.second, found.top1[1]))
    for name, one, top1 in names:
        print_line(f"{name}  top-1 {100 * top1:.2f} %  {one.folder}")
    console.print(table)
    method = found.groups.describe()
    print_line("B - A: difference in top-1, in points; A / B: clips that only A, only B has right")
    print_line(
        f"intervals and p: bootstrap and sign flips over {method['groups']} {method['unit']}s; "
        "p of McNemar takes clips as independent"
    )
    print_line(
        f"product of both: top-1 {100 * found.late_fusion:.2f} %; right in at least one: "
        f"{100 * found.either:.2f} %"
    )
    for name, count, change in found.by_class:
        print_line(f"class {name}: B - A {100 * change:+.1f} points, {count} clips")
    for true, before, after, count in found.flips:
        print_line(
            f"{count} {'clip' if count == 1 else 'clips'} of {true}: {before} in A, {after} in B"
        )


def _cells(paired: "PairedDifference") -> tuple[str, ...]:
    return (
        f"{100 * paired.difference:+.2f}",
        f"{100 * paired.low:+.1f} to {100 * paired.high:+.1f}",
        f"{paired.p_value:.2g}",
        f"{paired.only_first} / {paired.only_second}",
        f"{paired.mcnemar_p:.2g}",
    )
