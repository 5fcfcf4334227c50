"""`avme pretrain` refuses early, on one line, with the right code."""

import errno
import os
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from avme.io.atomic import write_text
from avme_cli.app import app


@pytest.fixture(autouse=True)
def _prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "data/pets/dataset.json", "{}")


def refusal(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, args, prog_name="avme")
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        (
            "--set clip.imge_size=3",
            2,
            "error: unknown setting clip.imge_size in --set: did you mean clip.image_size?",
        ),
        ("--mask 1.5", 2, "error: mask.ratio: found 1.5, expected less than 1"),
        ("--decoder-ratio 2", 2, "error: mask.decoder_ratio: found 2.0, expected less than"),
        ("--decoder-ratio 0.999", 2, "error: mask.decoder_ratio 0.999 predicts none of 176 places"),
        (
            "--decoder-ratio 0.5 --set loss.tokens=all",
            2,
            "error: loss.tokens all needs every token predicted: leave mask.decoder_ratio at 0",
        ),
        (
            "--preset tiny --set clip.image_size=60",
            2,
            "error: clip.image_size 60 is not divisible by",
        ),
        (
            "--protocol visual --fusion concat",
            2,
            "error: protocol visual gives the model no audio: use --fusion none, found concat",
        ),
        (
            "--protocol constant --fusion none",
            2,
            "error: protocol constant controls the fusion, found fusion none",
        ),
        ("--protocol donor --resume", 5, "error: runs/pretrain-pets-donor holds no run to resume"),
        ("--config none.yaml", 2, "error: none.yaml does not exist"),
        ("--fusion sum", 2, "error: Invalid value for '--fusion'"),
        ("--data cats", 2, "error: --data cats: no such folder"),
        ("--device cpu --gpus 2", 2, "error: --gpus needs GPUs"),
        ("--gpus 512", 6, "error: --gpus 512 asks for more GPUs than this machine has"),
        ("--resume", 5, "error: runs/pretrain-pets holds no run to resume"),
    ],
)
def test_pretrain_with_wrong_argument_exits_with_its_code(args: str, code: int, line: str) -> None:
    found, err = refusal("pretrain", *args.split())

    assert (found, err[: len(line)]) == (code, line)


@pytest.mark.parametrize("run", ["pretrain-pets", "finetune-pets-av"])
def test_training_resumed_from_other_format_is_refused(run: str) -> None:
    write_text(Path("runs", run, "config.yaml"), "clip: {size: 32}")
    last = Path("runs", run, "checkpoints/last.pt")
    last.parent.mkdir()
    torch.save({"format": 2}, last)

    assert refusal(run.split("-")[0], "--resume") == (
        5,
        f"error: {last}: written by another version of avme (got format 2, expected 3). Train "
        "again\n",
    )


@pytest.mark.parametrize("command", ["pretrain", "finetune --from scratch"])
def test_training_with_wandb_not_installed_is_refused(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)

    code, err = refusal(*command.split(), "--preset", "tiny", "--wandb", "videos")

    assert code == 6
    assert err.startswith("error: Weights & Biases: wandb cannot be imported")
    assert "pip install 'avme[wandb]'" in err


def test_pretrain_of_preset_with_weights_reports_missing_init() -> None:
    result = CliRunner().invoke(app, ["pretrain", "--preset", "paper"], prog_name="avme")

    first = result.stderr.splitlines()[0]
    assert first.startswith("without --init from scratch; preset paper begins with VideoMAE's")


@pytest.mark.parametrize("command", ["pretrain", "finetune", "eval best.pt"])
@pytest.mark.parametrize("left", [{"RANK": "0"}, {"RANK": "x"}, {"WORLD_SIZE": "2"}])
def test_commands_in_incomplete_process_group_are_refused(
    command: str, left: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in left.items():
        monkeypatch.setenv(name, value)

    code, err = refusal(*command.split())

    assert (code, err[:26]) == (2, "error: the environment has")
    assert not Path("runs").exists()


def test_eval_on_full_disk_exits_6(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "eval/summary.json")

    monkeypatch.setattr("avme_cli.paths.checkpoint", full)

    code, err = refusal("eval", "best.pt")

    assert code == 6
    assert "eval/summary.json" in err
