"""`avme embed` prints the file that it wrote."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.features.file import read_facts
from avme.shards.dataset import PreparedDataset
from avme_cli.app import app

pytestmark = pytest.mark.slow


def test_embed_writes_a_file_and_names_the_next_command(
    finished: PreparedDataset, pretrained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "f.h5"
    args = ["embed", str(pretrained), "--data", str(finished.folder), "--out", str(out)]
    args += ["--stage", "visual", "--workers", "0", "--device", "cpu"]

    result = CliRunner().invoke(app, args)
    again = CliRunner().invoke(app, args)

    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    assert f"next: avme knn {out}" in result.stderr
    assert read_facts(out)["stage"] == "visual"
    assert again.exit_code == 2
    assert "exists already: replace it with --overwrite" in again.stderr
