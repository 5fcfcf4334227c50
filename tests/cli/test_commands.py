"""The list of commands agrees with the commands, which it does not import."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from avme_cli.app import app
from avme_cli.commands import LazyCommand, lazy_commands, loaded

LIST = """
import sys
from avme_cli.app import app
try:
    app([*sys.argv[1:], "--help"])
finally:
    print("imported:", *[name for name in sys.modules if name.startswith("avme_cli.")])
"""


def imported(*args: str) -> set[str]:
    """Return the modules of the command line that `avme ARGS --help` imports."""
    done = subprocess.run(
        [sys.executable, "-c", LIST, *args], capture_output=True, text=True, check=True
    )
    _, _, names = done.stdout.rpartition("imported:")
    return {name.removeprefix("avme_cli.") for name in names.split()}


@pytest.mark.parametrize("name", lazy_commands())
def test_lazy_command_summary_is_the_first_line_of_its_help(name: str) -> None:
    stub = lazy_commands()[name]

    command = loaded(stub)

    assert not isinstance(command, LazyCommand)
    assert " ".join(command.help.split("\n\n")[0].split()) == stub.help


@pytest.mark.parametrize("name", lazy_commands())
def test_examples_of_a_command_fit_a_terminal_of_100_columns(name: str) -> None:
    command = loaded(lazy_commands()[name])
    examples = [each.epilog for each in (command, *getattr(command, "commands", {}).values())]

    assert max(len(line) for text in examples for line in text.splitlines()) < 98


def test_help_of_avme_imports_no_command() -> None:
    modules = imported()

    assert "commands" in modules
    for name in (
        "prep",
        "pretrain",
        "evaluation.evaluate",
        "options",
        "paths",
        "torchrun",
        "startup",
    ):
        assert name not in modules


def test_help_of_a_command_imports_no_other() -> None:
    modules = imported("verify")

    assert "verify" in modules
    assert not modules & {
        *("prep", "pretrain", "finetune", "evaluation.evaluate", "torchrun", "slurm.sbatch")
    }


def test_unknown_option_of_one_command_names_the_commands_that_have_it() -> None:
    result = CliRunner().invoke(app, ["verify", "--probe-all"], prog_name="avme")
    known = CliRunner().invoke(app, ["verify", "--modality", "v"], prog_name="avme")

    assert "have it" not in result.stderr
    assert "avme finetune and avme eval have it" in known.stderr
