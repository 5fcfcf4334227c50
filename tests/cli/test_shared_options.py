"""Options of many commands are written once."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from avme_cli.shared_options import sharing

app = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    ctx: typer.Context
    size: int = 1
    sugar: Annotated[bool, typer.Option("--sweet", help="With sugar.")] = False


def tea(order: Order, kind: str, minutes: int = 3) -> None:
    """Make tea."""
    typer.echo(f"{order.ctx.info_name} {kind} {minutes} {order.size} {order.sugar}")


def coffee(order: Order) -> None:
    """Make coffee."""
    typer.echo(f"{order.size} {order.sugar}")


for command in (tea, coffee):
    app.command()(sharing(Order)(command))


@pytest.mark.parametrize(
    ("args", "printed"),
    [
        ("tea green", "tea green 3 1 False"),
        ("tea --sweet --minutes 5 --size 2 black", "tea black 5 2 True"),
        ("coffee --size 4 --sweet", "4 True"),
    ],
)
def test_sharing_gives_a_command_its_own_and_the_shared_options(args: str, printed: str) -> None:
    assert CliRunner().invoke(app, args.split()).stdout == f"{printed}\n"


def test_help_speaks_of_both_and_of_the_command() -> None:
    text = CliRunner().invoke(app, ["tea", "--help"], env={"COLUMNS": "120"}).stdout

    assert "Make tea." in text
    assert text.index("--minutes") < text.index("--size") < text.index("--sweet")
    assert "--ctx" not in text


@pytest.mark.parametrize("args", ["tea --size 2", "coffee --minutes 2"])
def test_sharing_with_missing_or_foreign_option_is_refused(args: str) -> None:
    assert CliRunner().invoke(app, args.split()).exit_code == 2
