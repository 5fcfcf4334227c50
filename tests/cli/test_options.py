"""Options that several commands share."""

import re
from typing import get_args

from typer.testing import CliRunner

from avme.config.presets import RECIPES
from avme_cli import options
from avme_cli.app import app


def test_preset_option_offers_all_recipes() -> None:
    assert get_args(options.Preset) == tuple(RECIPES)


def test_options_of_machine_and_run_folder_have_their_own_panels() -> None:
    text = CliRunner().invoke(app, ["pretrain", "--help"], env={"COLUMNS": "120"}).stdout

    blocks = re.findall(r"╭─ ([\w ]+) ─+╮(.*?)╰", text, re.DOTALL)
    panels = {name: set(re.findall(r"^│ +(--[\w-]+)", block, re.M)) for name, block in blocks}
    assert panels["Run folder"] == {"--resume", "--overwrite"}
    assert {"--config", "--set"} <= panels["Settings"]
    assert {"--gpus", "--procs", "--device", "--precision"} <= panels["Machine"]
    assert {"--data", "--epochs", "--batch"} <= panels["Options"]
