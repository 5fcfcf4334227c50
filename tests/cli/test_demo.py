"""`avme demo`: what it prints of a finished demo."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from avme.stages.demo import DemoResult
from avme_cli.app import app


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["demo", *args], prog_name="avme", env={"COLUMNS": "100"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Calls of the stage, which returns a result at once."""
    found: list[dict[str, Any]] = []

    def demo(out: Path, **options: Any) -> DemoResult:
        found.append({"out": out, **options})
        rows = [("chance", 0.1, 0.5), ("av", 0.123456, 1.0)]
        return DemoResult(
            rows=rows, pictures=[Path("a [b].png"), Path("c.png")], page=Path("r.html")
        )

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("avme.stages.demo.demo", demo)
    return found


def test_demo_prints_accuracies_then_figures_then_the_next_command(
    calls: list[dict[str, Any]],
) -> None:
    code, out, err = run()

    assert code == 0
    lines = out.splitlines()
    cells = [line.replace("│", " ").split() for line in lines if "%" in line]
    assert cells == [["chance", "10.0", "%", "50.0", "%"], ["av", "12.3", "%", "100.0", "%"]]
    assert lines[-3:] == ["a [b].png", "c.png", "r.html"]
    assert err == "next: avme audit avme-demo/data/demo\n"
    assert calls[0]["out"] == Path("avme-demo")


def test_demo_passes_folder_seed_and_overwrite_to_the_stage(calls: list[dict[str, Any]]) -> None:
    run("--out", "x", "--seed", "3", "--overwrite")

    assert {key: calls[0][key] for key in ("out", "seed", "overwrite")} == {
        "out": Path("x"),
        "seed": 3,
        "overwrite": True,
    }


def test_demo_into_existing_folder_is_refused_with_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    code, out, err = run("--out", str(tmp_path / "file"))

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is a file" in err
