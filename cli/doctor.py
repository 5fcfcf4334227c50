"""`avme doctor`: check of this machine."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

import typer

from avme.errors import SystemRequirementError

from .terminal.output import print_parts
from .terminal.table import Json, print_json

if TYPE_CHECKING:
    from avme.stages.doctor import Finding

app = typer.Typer(add_completion=False)

_EXAMPLES: Final = """Examples:
    avme doctor
    avme doctor > report.txt"""


@app.command(epilog=_EXAMPLES)
def doctor(as_json: Json = False) -> None:
    """Check this machine: what is present, what is missing and how to install it (exit code 6).

    Include the output in bug reports.
    """
    from avme.stages.doctor import examine

    findings = examine()
    if as_json:
        print_json(tuple(findings))
    else:
        for parts in _lines(findings):
            print_parts(*parts)
    missing = [each.name for each in findings if each.state == "missing"]
    if missing:
        raise SystemRequirementError(
            f"missing or broken: {', '.join(missing)}; the fixes are listed above"
        )


def _lines(findings: "list[Finding]") -> Iterator[list[tuple[str, str]]]:
    """Format one line per finding, and one per fix, in parts with styles."""
    width = max(len(each.name) for each in findings)
    colours = {"ok": "green", "note": "yellow", "missing": "red"}
    for topic, group in groupby(findings, key=lambda each: each.topic):
        yield [(topic, "")]
        for each in group:
            mark = (f"  {each.state:7}", colours[each.state])
            yield [mark, (f"  {each.name:{width}}  {each.found}", "")]
            if each.advice:
                yield [(f"{'':{width + 13}}{each.advice}", "")]
