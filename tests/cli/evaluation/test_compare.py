"""`avme compare` prints the comparison and writes it."""

import json
import shutil
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from avme_cli.app import app


def write(folder: Path, wrong: int) -> Path:
    folder.mkdir()
    label = np.arange(20, dtype=np.int64) % 2
    probability = np.full((20, 2), 0.2)
    probability[np.arange(20), np.where(np.arange(20) < wrong, 1 - label, label)] = 0.8
    np.savez(
        folder / "predictions.npz",
        id=np.array([f"c{n}" for n in range(20)]),
        group=np.array([f"g{n // 2}" for n in range(20)]),
        audio=np.array(["audible"] * 20),
        label=label,
        probability=probability,
        classes=np.array(["[A]", "B"]),
    )
    (folder / "summary.json").write_text("{}")
    return folder


def test_compare_prints_both_and_writes_a_file(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", 6), write(tmp_path / "b", 2)
    out = tmp_path / "compare.json"

    result = CliRunner().invoke(app, ["compare", str(first), str(second), "--out", str(out)])

    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[:2] == [f"A  top-1 70.00 %  {first}", f"B  top-1 90.00 %  {second}"]
    assert [cell.strip() for cell in lines[5].split("│")[1:4]] == ["all clips", "20", "+20.00"]
    assert lines[6].split("│")[1].strip() == "audible clips"
    assert "to" in lines[6].split("│")[4]  # the interval on one line
    assert "to" not in lines[7]
    assert "class [A]: B - A +20.0 points, 10 clips" in lines
    assert "2 clips of [A]: B in A, [A] in B" in lines
    assert lines[-1] == str(out)
    assert json.loads(out.read_text())["paired"]["only_second"] == 4


def test_compare_without_results_is_one_line(tmp_path: Path) -> None:
    first = write(tmp_path / "a", 6)
    shutil.copytree(first, tmp_path / "b")
    (tmp_path / "b" / "summary.json").unlink()

    result = CliRunner().invoke(app, ["compare", str(first), str(tmp_path / "b")])

    assert result.exit_code == 5
    assert result.stderr.startswith(f"error: {tmp_path / 'b'} holds no evaluation: run `avme eval")


def test_compare_into_a_file_of_another_kind_is_refused_before_it_is_read(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", 6), write(tmp_path / "b", 2)
    out = tmp_path / "notes.json"
    command = ["compare", str(first), str(second), "--out"]
    assert CliRunner().invoke(app, [*command, str(out)]).exit_code == 0
    assert CliRunner().invoke(app, [*command, str(out)]).exit_code == 0  # its own is replaced
    out.write_text("notes")

    result = CliRunner().invoke(app, [*command, str(out)])

    assert (result.exit_code, result.stdout, out.read_text()) == (2, "", "notes")
    assert "notes.json is no earlier comparison: name another file" in result.stderr
    result = CliRunner().invoke(app, [*command, str(tmp_path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is a folder, expected a file" in result.stderr
