"""`--topk 1 5` means both, wherever it stands."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from avme_cli.multi_value import ManyIntegers, repeat_options

app = typer.Typer()


@app.command(cls=ManyIntegers)
def score(
    checkpoint: str,
    topk: Annotated[list[int] | None, typer.Option(min=1)] = None,
    views: int = 0,
) -> None:
    typer.echo(f"{checkpoint} {topk} {views}")


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
    ],
)
def test_integers_that_follow_belong_to_the_option(args: str, printed: str) -> None:
    result = CliRunner().invoke(app, args.split())

    assert result.stdout == f"{printed}\n"


@pytest.mark.parametrize("args", ["--topk 0 ckpt.pt", "--topk best ckpt.pt", "ckpt.pt --topk"])
def test_what_is_no_rank_is_refused(args: str) -> None:
    assert CliRunner().invoke(app, args.split()).exit_code == 2


def test_other_options_are_left_alone() -> None:
    args = ["--set", "a=1", "5", "--epochs", "3", "4"]

    assert repeat_options(args, ("--topk",)) == args
