"""`avme export`: its output, and errors of one line."""

import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme_cli.app import app

pytestmark = pytest.mark.slow


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, shlex.split(line), prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


def test_export_without_packages_of_onnx_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    file = tmp_path / "x.pt"
    file.touch()

    code, _, err = run(f"export {file} --format onnx")

    assert code == 6
    assert err.splitlines() == [
        "error: --format onnx needs packages that are not installed (onnxruntime): "
        "pip install 'avme[export]'"
    ]


def test_export_of_missing_checkpoint_is_one_line(tmp_path: Path) -> None:
    code, _, err = run(f"export {tmp_path / 'none.pt'}")

    assert code == 5
    assert len(err.splitlines()) == 1
    assert "does not exist" in err


def test_export_of_run_prints_its_folder(finetuned: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"

    code, stdout, err = run(f"export {finetuned} --out {out}")

    assert (code, stdout) == (0, f"{out}\n"), err
    assert "largest difference from the model: 0" in err
    assert "run `avme eval`" in err
    assert (out / "README.md").is_file()
