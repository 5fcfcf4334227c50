"""Tables for terminals, JSON lists for programs."""

from typing import Annotated, Any

import typer

from .output import print_text, verbatim

_IN_A_LOG = 140
"""Width of a table outside a terminal."""

Rounds = Annotated[int, typer.Option(min=1, help="Number of rounds; medians are reported.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(rows: tuple[Any, ...]) -> None:
    """Print dataclasses as a JSON list of objects."""
    import json
    from dataclasses import asdict

    print_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def print_table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a table; the first column is names, the others are numbers.

    Args:
        title: Title of the table.
        header: Column names.
        rows: Cells.
    """
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    console = verbatim()
    if not console.is_terminal:
        console = verbatim(width=_IN_A_LOG)
    console.print(table)


def print_facts(title: str, rows: list[tuple[str, ...]]) -> None:
    """Print rows of a name and its values, without header and lines; long values wrap."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_header=False,
    )
    table.add_column(no_wrap=True)
    for _ in rows[0][1:]:
        table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = verbatim()
    console.line()
    console.print(table)
