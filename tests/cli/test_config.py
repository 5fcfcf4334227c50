"""`avme config` shows, writes and checks the settings of every stage."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import RECIPES
from avme.config.resolve import from_yaml
from avme_cli.app import app

STAGES = ["prep", "pretrain", "finetune", "eval"]


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["config", *args], prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


def test_list_names_every_preset() -> None:
    code, text, _ = run("list")

    assert code == 0
    assert [line.split()[0] for line in text.splitlines()] == list(RECIPES)
    assert all(len(line) < 100 for line in text.splitlines())


@pytest.mark.parametrize("stage", STAGES)
def test_show_explains_every_setting(stage: str) -> None:
    code, text, _ = run("show", stage)

    assert code == 0
    assert f"avme {stage}" in text


@pytest.mark.slow
def test_config_show_separates_tables_by_a_blank_line() -> None:
    code, text, _ = run("show", "tiny")

    lines = text.splitlines()
    assert code == 0
    assert "\\n" not in text
    for stage in ("pretrain", "finetune"):
        at = next(at for at, line in enumerate(lines) if line.startswith(f"avme {stage} --preset"))
        assert not lines[at - 1].strip()


def test_config_prints_colons_without_emoji() -> None:
    _, text, _ = run("show", "prep")

    assert "-q:v" in text


def test_show_without_a_stage_explains_all() -> None:
    _, text, _ = run("show")

    assert all(f"avme {stage}" in text for stage in STAGES)


def test_show_with_settings_prints_yaml_that_can_be_used() -> None:
    code, text, _ = run("show", "pretrain", "--preset", "tiny", "--set", "optim.lr=1e-3")

    settings = from_yaml(PretrainConfig, text)
    assert code == 0
    assert (settings.clip.image_size, settings.optim.lr) == (64, 1e-3)


def test_init_writes_a_file_that_validate_likes(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"

    assert run("init", "finetune", str(file), "--preset", "small") == (0, f"{file}\n", "")
    assert from_yaml(FinetuneConfig, file.read_text()).model.visual.dim == 384
    assert run("validate", "finetune", str(file)) == (
        0,
        f"{file} is good for avme finetune\n",
        "",
    )


def test_config_init_names_the_sources_of_preset_values(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"

    run("init", "pretrain", str(file), "--preset", "paper", "--set", "train.epochs=500")

    lines = [line.strip() for line in file.read_text().splitlines()]
    above = {line: before for before, line in pairwise(lines)}
    assert above["ratio: 0.9"].endswith("[paper III-B, III-F, Table I: best of 0.75, 0.9, 0.95]")
    assert above["epochs: 500"].endswith("[given]")
    assert "[" not in above["seed: 0"]


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("clip: {}\n")

    code, _, err = run("init", "pretrain", str(file))

    assert (code, err) == (2, f"error: {file} exists: choose another name\n")
    assert file.read_text() == "clip: {}\n"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            ["show", "pretrain", "--set", "clip.imge_size=64"],
            "error: unknown setting clip.imge_size in --set: did you mean clip.image_size?",
        ),
        (["show", "--preset", "tiny"], "error: --preset, --config and --set need a stage"),
        (["show", "prep", "--preset", "tiny"], "error: prep has no presets"),
        (["validate", "eval", "nowhere.yaml"], "error: nowhere.yaml does not exist"),
        (["show", "train"], "error: train is neither a stage"),
    ],
)
def test_config_with_wrong_value_is_one_line_and_code_2(args: list[str], line: str) -> None:
    code, out, err = run(*args)

    assert (code, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("avme config show ", ["prep", "pretrain", "finetune", "eval", *RECIPES]),
        ("avme config show vi", [name for name in RECIPES if name.startswith("vi")]),
        ("avme pretrain --preset ", list(RECIPES)),
        ("avme finetune --preset ti", ["tiny"]),
        ("avme bench step --preset la", ["large"]),
    ],
)
def test_config_completion_offers_presets(words: str, offered: list[str]) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    result = CliRunner().invoke(
        app, prog_name="avme", env=asked | {"_AVME_COMPLETE": "complete_bash"}
    )

    assert (result.exit_code, result.stdout.split()) == (0, offered)


def test_config_completion_does_not_import_torch() -> None:
    code = (
        "import sys, avme_cli\n"
        "try: avme_cli.main()\n"
        "finally: print('heavy:', *{'torch', 'numpy', 'yaml'} & set(sys.modules))"
    )
    asked = {"COMP_WORDS": "avme config show pa", "COMP_CWORD": "3"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | asked | {"_AVME_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "paper\nheavy:\n"


@pytest.mark.parametrize("command", ["show", "validate"])
def test_config_warns_of_few_visible_places(command: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mask: {ratio: 0.99}\n")
    given = ["--config", str(file)] if command == "show" else [str(file)]

    code, text, err = run(command, "pretrain", *given)

    assert code == 0
    assert "2 of 196 places are visible, expected at least 8" in err
    assert "visible" not in text


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_config_show_of_preset_base_warns_of_nothing(stage: str) -> None:
    code, _, err = run("show", stage, "--preset", "base")

    assert (code, err) == (0, "")
