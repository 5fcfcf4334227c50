"""`avme finetune`: refusals in one line with their exit code."""

from pathlib import Path

import pytest
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
        ("", 5, "error: no finished pretrain run in runs/: run `avme pretrain` first, or name one"),
        ("--from gone.pt", 2, "error: gone.pt does not exist"),
        ("--from scratch --modality x", 2, "error: Invalid value for '--modality'"),
        ("--from scratch --val-fraction 1", 2, "error: val_fraction: found 1.0, expected less"),
        ("--resume", 5, "error: runs/finetune-pets-av holds no run to resume"),
        ("--modality v --resume", 5, "error: runs/finetune-pets-v holds no run to resume"),
        (
            "--protocol donor --modality a --resume",
            5,
            "error: runs/finetune-pets-a-donor holds no run to resume",
        ),
        (
            "--set train.protocol=visual --resume",
            5,
            "error: runs/finetune-pets-v-visual holds no run to resume",
        ),
        ("--protocol ucf51", 2, "error: Invalid value for '--protocol'"),
        (
            "--from scratch --protocol visual --modality av",
            2,
            "error: protocol visual gives the model no audio: use --modality v, found av",
        ),
        (
            "--preset videomae-ucf101 --resume",
            5,
            "error: runs/finetune-pets-v holds no run to resume",
        ),
    ],
)
def test_finetune_with_wrong_argument_exits_with_its_code(args: str, code: int, line: str) -> None:
    found, err = refusal("finetune", *args.split())

    assert (found, err[: len(line)]) == (code, line)


def test_finetune_from_file_that_is_no_checkpoint_names_it() -> None:
    Path("notes.pt").write_text("not a checkpoint")

    code, err = refusal("finetune", "--from", "notes.pt")

    assert code == 5
    assert "notes.pt" in err


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ("--from a --init b", "error: --from and --init exclude each other: give one"),
        ("--classes names.txt", "error: --classes names the rows of the head that --init brings"),
    ],
)
def test_finetune_with_contradicting_weights_exits_2(args: str, line: str) -> None:
    code, err = refusal("finetune", *args.split())

    assert (code, err[: len(line)]) == (2, line)
