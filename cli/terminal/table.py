"""Rows of a benchmark: a table for people, a list for programs."""

from typing import Annotated, Any

import typer

from .output import print_text, verbatim

_IN_A_LOG = 140
"""Columns of a table that no terminal bounds."""

Rounds = Annotated[int, typer.Option(min=1, help="Rounds; the median is told.")]
Json = Annotated[bool, typer.Option("--json", help="Print a list of rows instead of a table.")]


def print_json(rows: tuple[Any, ...]) -> None:
    """Dataclasses as a list of objects."""
    import json
    from dataclasses import asdict

    print_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def print_table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """The first column is names, the others are numbers."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for place, name in enumerate(header):
        table.add_column(name, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    console = verbatim()
    if not console.is_terminal:
        console = verbatim(width=_IN_A_LOG)
    console.print(table)
