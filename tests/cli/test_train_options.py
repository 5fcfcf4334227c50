"""The options that both training commands share become settings, and only those that are given."""

import typer
from typer.main import get_command

from avme_cli.app import app
from avme_cli.train_options import Training


def test_training_options_that_are_given_become_settings() -> None:
    ctx = typer.Context(get_command(app))

    flags = Training(ctx=ctx, compile=True, epochs=3, precision="fp32").flags()

    assert {key: value for key, value in flags.items() if value is not None} == {
        "train.compile": True,
        "train.epochs": 3,
        "train.precision": "fp32",
    }
