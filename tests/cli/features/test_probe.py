"""`avme probe` prints the choice of C and the accuracy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from avme_cli.app import app


@pytest.mark.slow
def test_probe_of_a_file_prints_c_accuracy_and_signature(
    tmp_path: Path, write_file: Callable[..., Path]
) -> None:
    label = np.repeat(np.arange(30) % 3, 2)
    features = np.random.default_rng(0).normal(size=(60, 6)) + 9.0 * np.eye(6)[label]
    path = write_file(tmp_path / "f.h5", features, label.tolist(), ["train"] * 36 + ["test"] * 24)

    result = CliRunner().invoke(app, ["probe", str(path)])

    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert lines[1].startswith("C by ")
    assert "1e-05: " in lines[1]
    row = next(line for line in lines if "C = " in line)
    assert row.split("│")[2].strip() == "100.00 %"
    assert "|probe=std+linsvc,C" in lines[-1]
