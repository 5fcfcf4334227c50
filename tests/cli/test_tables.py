"""`--annotations train.csv val.csv` means both, wherever it stands."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from avme_cli.tables import ManyTables

app = typer.Typer()


@app.command(cls=ManyTables)
def read(source: str, annotations: Annotated[list[str], typer.Option()], part: str = "") -> None:
    typer.echo(f"{source} {' '.join(annotations)} {part}")


@pytest.mark.parametrize(
    "args",
    [
        "dir --annotations a.csv B.CSV --part x",
        "--annotations a.csv B.CSV dir --part x",
        "--annotations=a.csv B.CSV --part x dir",
        "--annotations a.csv --annotations B.CSV --part x -- dir",
    ],
)
def test_tables_that_follow_belong_to_the_option(args: str) -> None:
    assert CliRunner().invoke(app, args.split()).stdout == "dir a.csv B.CSV x\n"
