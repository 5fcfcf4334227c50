"""Options by the names that other training tools give them."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from avme.config.synonyms import SYNONYMS
from avme_cli.aliases import ALIASES, normalized
from avme_cli.app import app
from avme_cli.commands import loaded

_ROOT = Path(__file__).resolve().parents[2]


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, args, prog_name="avme")
    return result.exit_code, result.stderr


def options() -> set[str]:
    found: set[str] = set()

    def walk(command: Any) -> None:
        found.update(flag for each in command.params for flag in each.opts)
        for inner in getattr(command, "commands", {}).values():
            walk(loaded(inner))

    walk(get_command(app))
    return {flag for flag in found if flag.startswith("--")}


@pytest.mark.parametrize("alias", ["--batch-size", "--batch_size", "--batch"])
def test_normalized_alias_is_the_option(alias: str) -> None:
    code, said = run("pretrain", alias, "many")

    assert code == 2
    assert "Invalid value for '--batch'" in said


@pytest.mark.parametrize("given", [["--output_dir", "a"], ["--output-dir=a"], ["--out=a"]])
def test_normalized_alias_takes_its_value_in_both_forms(given: list[str], tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()

    code, said = run("prep", "folder", str(videos), *given, "--name", "b")

    assert code == 2
    assert said == "error: --out a and --name b disagree: a set is called as its folder\n"


def test_aliases_hide_no_option_and_lead_to_one() -> None:
    assert not {f"--{name}" for name in ALIASES} & options()
    assert {f"--{name}" for name in ALIASES.values()} <= options()
    assert normalized("dry_run") == "dry-run"


def test_aliases_in_the_table_lead_to_existing_flags() -> None:
    named = {target for rows in SYNONYMS.values() for row in rows for target in row.targets}

    assert {target for target in named if target.startswith("--")} <= options()


def test_help_shows_no_alias() -> None:
    said = CliRunner().invoke(app, ["pretrain", "--help"], prog_name="avme").stdout

    assert "--batch" in said
    assert "batch-size" not in said
    assert "batch_size" not in said


def test_aliases_are_all_documented() -> None:
    text = (_ROOT / "docs" / "names.md").read_text(encoding="utf-8")

    assert set(re.findall(r"`--([a-z-]+)`", text)) >= set(ALIASES) | set(ALIASES.values())


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["pretrain", "--warmup_epochs", "5"], "did you mean --set optim.warmup_epochs=VALUE?"),
        (["pretrain", "--amp"], "did you mean --precision (auto, bf16, fp16 or fp32)?"),
        (["finetune", "--finetune", "x.pth"], "did you mean --from or --init?"),
        (["finetune", "--drop_path", "0.1"], "did you mean --set head.drop_path=VALUE?"),
        (["pretrain", "--bach", "3"], "did you mean --batch?"),
        (["pretrain", "--model", "vit"], "did you mean --preset (a size or a recipe)?"),
        (["verify", "--al"], "did you mean --all?"),
        (["pretrain", "--checkpoint", "a.pth"], "did you mean --init?"),
        (["finetune", "--weights", "a.pth"], "did you mean --from or --init?"),
        (["pretrain", "--cpu"], "did you mean --device (auto, cpu or cuda)?"),
        (["finetune", "--num-crops", "1"], "avme eval and avme predict have it"),
    ],
)
def test_unknown_option_is_answered_with_the_avme_option(args: list[str], hint: str) -> None:
    code, said = run(*args)

    assert code == 2
    assert f": {hint} (see `avme {args[0]} --help`)" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "args", [["pretrain", "--banana"], ["pretrain", "--root"], ["--loud"], ["audit", "--xyzzy"]]
)
def test_nonsense_is_answered_with_no_option(args: list[str]) -> None:
    code, said = run(*args)

    assert code == 2
    assert re.fullmatch(r"error: No such option: --\w+ \(see `avme.* --help`\)\n", said)


def test_unknown_command_is_answered_with_the_avme_command() -> None:
    assert "did you mean `avme pretrain` or `avme finetune`?" in run("train")[1]
    assert "did you mean `avme eval`?" in run("test")[1]


def test_checkpoint_after_resume_is_answered_with_out() -> None:
    code, said = run("pretrain", "--resume", "runs/a/checkpoints/last.pt")

    assert code == 2
    assert "(runs/a/checkpoints/last.pt): --resume takes no value, --out names the run" in said
    assert "--resume" not in run("audit", "a", "b")[1]


def test_resume_with_an_equals_sign_is_answered_with_out() -> None:
    assert "does not take a value: --out names the run" in run("pretrain", "--resume=runs/a")[1]


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        (["pretrain", "--preset", "tny"], "tiny"),
        (["pretrain", "--preset", "ViT-B"], "base"),
        (["pretrain", "--preset", "vit_large"], "large"),
        (["pretrain", "--device", "gpu"], "cuda"),
        (["pretrain", "--precision", "bfloat16"], "bf16"),
        (["finetune", "--modality", "audio"], "a"),
        (["pretrain", "--fusion", "crossattn"], "cross-attention"),
        (["weights", "convert", "a.pt", "b", "--to", "hf"], "huggingface"),
    ],
)
def test_invalid_choice_is_answered_with_the_nearest(args: list[str], meant: str) -> None:
    code, said = run(*args)

    assert code == 2
    assert f": did you mean {meant}? (see" in said
    assert "Value error" not in said


def test_invalid_choice_without_near_one_is_answered_with_all() -> None:
    code, said = run("eval", "runs/a", "--list", "xyz")

    assert code == 2
    assert "'xyz' is not one of 'test', 'train' (see" in said


def test_list_given_as_subset_is_answered_with_the_option_of_lists() -> None:
    code, said = run("eval", "runs/a", "--subset", "train")

    assert code == 2
    assert "did you mean --list train? (see" in said


@pytest.mark.parametrize(
    ("source", "meant"),
    [("clips.csv", "csv clips.csv"), ("videos/pets", "folder videos/pets")],
)
def test_prep_without_a_layout_names_one(source: str, meant: str) -> None:
    assert f"as in `avme prep {meant}`" in run("prep", source)[1]
