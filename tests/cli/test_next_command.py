"""Every stage ends with the next command, which runs as it is printed."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.progress import NullReporter
from avme_cli.app import app
from avme_cli.next_command import after_prep, log_next, set_name

pytestmark = pytest.mark.slow

SHORT = ["--epochs", "1", "--batch", "2", "--workers", "0"]


class Said(NullReporter):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


def run(*args: str) -> list[str]:
    """Runs the command; returns the words of the next one."""
    result = CliRunner().invoke(app, args, prog_name="avme")
    assert result.exit_code == 0, result.stderr
    *_, last = result.stderr.splitlines()
    assert last.startswith("next: avme ")
    return shlex.split(last.removeprefix("next: avme "))


def test_next_commands_lead_from_videos_to_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_video: Callable[..., Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        for number in range(3):
            make_video(Path(f"videos/{name}/{number}.avi"), frames=8 + number)

    pretrain = run("prep", "folder", "videos", "--name", "a pet's", "--workers", "1")
    assert pretrain[:3] == ["pretrain", "--data", "a pet's"]
    finetune = run("pretrain", "--data", "a pet's", "--preset", "tiny", *SHORT)
    assert finetune == ["finetune", "--from", "runs/pretrain-a pet's", "--data", "a pet's"]
    evaluate = run(*finetune, *SHORT, "--val-fraction", "0")
    assert evaluate == ["eval", "runs/finetune-a pet's-av", "--data", "a pet's"]
    audit = run(*evaluate, "--segments", "1", "--crops", "1")
    assert audit == ["audit", "a pet's"]
    again = run(*audit)

    assert again[:3] == ["pretrain", "--data", "a pet's"]
    assert again[-2:] == ["--out", "runs/pretrain-a pet's-2"]


def test_set_name_is_the_name_that_data_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert set_name(Path("data/pets")) == "pets"
    assert set_name(Path("elsewhere/pets")) == Path("elsewhere/pets")
    Path("pets").mkdir()
    assert set_name(Path("data/pets")) == Path("data/pets")


def test_words_are_quoted_and_no_path_is_taken_for_an_option() -> None:
    said = Said()

    log_next(said, "eval", Path("-x/a b"), None, "--data", "$HOME")

    assert said.lines == ["next: avme eval './-x/a b' --data '$HOME'"]


def test_next_command_never_offers_a_used_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = Said()
    for name in ("pretrain-pets", "pretrain-pets-2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "status.json").touch()

    after_prep(said, Path("data/pets"))

    assert said.lines[0].endswith(" --out runs/pretrain-pets-3")
