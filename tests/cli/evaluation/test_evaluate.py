"""`avme eval` prints one row per state of sound, and refuses early."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.io.atomic import write_json, write_text
from avme_cli.app import app


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
        ("notes.pt --set crops=4", 2, "error: crops: found 4, expected less than or equal to 3"),
        ("notes.pt --config eval.yaml --crops 1", 2, "error: segments: found 0, expected greater"),
        ("notes.pt --config gone.yaml", 2, "error: gone.yaml does not exist"),
    ],
)
def test_eval_with_wrong_argument_exits_with_its_code(args: str, code: int, line: str) -> None:
    Path("notes.pt").write_text("not a checkpoint")
    Path("eval.yaml").write_text("segments: 0\ncrops: 9\n")

    result = CliRunner().invoke(app, ["eval", *args.split()], prog_name="avme")

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1


def test_eval_without_prepared_set_is_refused() -> None:
    Path("notes.pt").write_text("not a checkpoint")
    Path("data/pets/dataset.json").unlink()

    result = CliRunner().invoke(app, ["eval", "notes.pt"], prog_name="avme")

    assert result.exit_code == 5
    assert result.stderr.startswith("error: no prepared set in data/")


def test_eval_of_split_missing_in_the_set_of_the_run_is_refused() -> None:
    write_json(Path("runs/a/derived.json"), {"dataset": "pets", "fingerprint": "aa"})
    write_text(Path("runs/a/checkpoints/best.pt"), "nothing that is read here")
    for name in ("pets", "birds"):
        manifest = {"name": name, "fingerprint": "aa" if name == "pets" else "bb"}
        write_json(Path(f"data/{name}/dataset.json"), manifest | {"splits": {"1": {}}})

    result = CliRunner().invoke(app, ["eval", "runs/a", "--split", "7"], prog_name="avme")

    assert (result.exit_code, result.stderr) == (2, "error: pets has no split '7': it has 1\n")
