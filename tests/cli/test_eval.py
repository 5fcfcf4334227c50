"""`avme eval` prints one row per state of sound, and refuses early."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.artifacts import write_text
from avme_cli.app import app
from avme_cli.evaluate import print_table


@pytest.fixture(autouse=True)
def _prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "data/pets/dataset.json", "{}")


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        ("gone.pt", 2, "error: gone.pt does not exist, expected a checkpoint or a run folder\n"),
        ("notes.pt --data cats", 2, "error: --data cats: no such folder"),
        ("notes.pt --topk 0", 2, "error: Invalid value for '--topk'"),
        ("notes.pt --crops 4 --topk 1 5", 2, "error: crops: found 4, expected less than or equal"),
        ("notes.pt", 5, "error: notes.pt "),
        (".", 5, "error: "),
    ],
)
def test_scoring_refuses(args: str, code: int, line: str) -> None:
    Path("notes.pt").write_text("not a checkpoint")

    result = CliRunner().invoke(app, ["eval", *args.split()], prog_name="avme")

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1


def test_the_table_has_a_row_for_every_state_of_sound(capsys: pytest.CaptureFixture[str]) -> None:
    summary = {
        "split": "1",
        "modality": "av",
        "views": {"segments": 5, "crops": 3},
        "n": 4,
        "top1": 0.75,
        "by_audio": {"sound": {"n": 3, "top1": 1.0}, "none": {"n": 1, "top1": 0.0}},
    }

    print_table(summary, (1, 5))

    text = capsys.readouterr().out
    assert "split 1, modality av, 5 x 3 views a clip" in text
    assert "top-5" not in text
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines()]
    assert ["all clips", "4", "75.00 %"] in rows
    assert ["clips with sound", "3", "100.00 %"] in rows
    assert ["clips without a track", "1", "0.00 %"] in rows
