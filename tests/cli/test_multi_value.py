"""Options that take several values: `--topk 1 5`, `--annotations train.csv val.csv`."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from avme_cli.multi_value import ManyIntegers, ManyTables, repeat_options

app = typer.Typer()


@app.command(cls=ManyIntegers)
def score(
    checkpoint: str,
    topk: Annotated[list[int] | None, typer.Option(min=1)] = None,
    views: int = 0,
    split: list[str] | None = None,
) -> None:
    typer.echo(f"{checkpoint} {topk} {views}" + (f" {split}" if split else ""))


@pytest.mark.parametrize(
    ("args", "printed"),
    [
        ("ckpt.pt --topk 1 5", "ckpt.pt [1, 5] 0"),
        ("--topk 1 5 ckpt.pt", "ckpt.pt [1, 5] 0"),
        ("--topk 1 5 10 --views 3 ckpt.pt", "ckpt.pt [1, 5, 10] 3"),
        ("--topk 1 --topk 5 ckpt.pt", "ckpt.pt [1, 5] 0"),
        ("--topk=1 5 ckpt.pt", "ckpt.pt [1, 5] 0"),
        ("--topk 1,5 ckpt.pt", "ckpt.pt [1, 5] 0"),
        ("ckpt.pt --topk=1,5,10 --views 3", "ckpt.pt [1, 5, 10] 3"),
        ("--topk 1 ./5", "./5 [1] 0"),
        ("--topk 1 -- 5", "5 [1] 0"),
        ("--views 3 ckpt.pt", "ckpt.pt None 3"),
        ("ckpt.pt --split 1 2 3 --topk 1 5", "ckpt.pt [1, 5] 0 ['1', '2', '3']"),
        ("--split 1,2 ckpt.pt", "ckpt.pt None 0 ['1', '2']"),
        ("--split fold-a ckpt.pt", "ckpt.pt None 0 ['fold-a']"),
    ],
)
def test_integers_that_follow_belong_to_the_option(args: str, printed: str) -> None:
    result = CliRunner().invoke(app, args.split())

    assert result.stdout == f"{printed}\n"


@pytest.mark.parametrize("args", ["--topk 0 ckpt.pt", "--topk best ckpt.pt", "ckpt.pt --topk"])
def test_many_integers_with_invalid_rank_is_refused(args: str) -> None:
    assert CliRunner().invoke(app, args.split()).exit_code == 2


def test_repeat_options_leaves_other_options_unchanged() -> None:
    args = ["--set", "a=1", "5", "--epochs", "3", "4"]

    assert repeat_options(args, ("--topk",)) == args


tables = typer.Typer()


@tables.command(cls=ManyTables)
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
def test_many_tables_after_one_option_are_all_read(args: str) -> None:
    assert CliRunner().invoke(tables, args.split()).stdout == "dir a.csv B.CSV x\n"
