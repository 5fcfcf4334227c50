"""`avme knn` prints a row per number of neighbors."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from avme_cli.app import app


def test_knn_of_a_file_prints_accuracies_and_signature(
    tmp_path: Path, write_file: Callable[..., Path]
) -> None:
    features = np.eye(3)[[0, 1, 2, 0, 1, 1]]
    subset = ["train"] * 3 + ["test"] * 3
    heard = [True] * 5 + [False]
    path = write_file(
        tmp_path / "f.h5", features, [0, 1, 2, 0, 1, 2], subset, stage="audio", has_audio=heard
    )
    out = tmp_path / "knn.json"

    result = CliRunner().invoke(app, ["knn", str(path), "--out", str(out)])

    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[0] == "audio features (mean), split 1: 3 train, 2 test clips"
    assert lines[1] == "left out without usable audio: 0 train, 1 test clips"
    assert [cell.strip() for cell in lines[5].split("│")[1:3]] == ["k = 1", "100.00 %"]
    assert lines[-2].startswith("avme ")
    assert lines[-1] == str(out)
    assert json.loads(out.read_text())["neighbors"]["20"]["top1"] == 1.0


def test_knn_of_a_file_of_another_stage_is_one_line(
    tmp_path: Path, write_file: Callable[..., Path]
) -> None:
    path = write_file(tmp_path / "f.h5", np.eye(2), [0, 1], ["train", "test"])

    result = CliRunner().invoke(app, ["knn", str(path), "--stage", "fused"])

    assert result.exit_code == 4
    assert "holds features of stage visual (got fused): leave --stage out" in result.stderr
