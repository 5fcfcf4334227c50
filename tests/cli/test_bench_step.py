"""`avme bench step`: table, JSON, refusals."""

import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme_cli.app import app


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(
        app, ["--quiet", *line.split()], prog_name="avme", env={"COLUMNS": "120"}
    )
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.slow
def test_bench_step_with_json_prints_a_row_per_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.bench.step._STATUS", tmp_path / "none")  # takes a Python for each row
    line = "bench step --preset tiny --rounds 1 --device cpu --threads 1 --set model.visual.depth=1"

    code, out, err = run(f"{line} --json")

    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert {"avme", "avme, half decoded", "avme with audio"} <= {row["name"] for row in rows}
    assert rows[0]["ratio"] == 1
    assert all(row["seconds"] > 0 and row["clips_per_second"] > 0 for row in rows)
    assert all(row["memory_mb"] is None for row in rows)  # as where a system does not tell


@pytest.mark.slow
def test_bench_step_prints_a_table_and_absent_baselines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.bench.step._STATUS", tmp_path / "none")
    monkeypatch.setitem(sys.modules, "transformers.models.videomae", None)
    line = "bench step --preset tiny --mask 0.75 --rounds 1 --device cpu --threads 1 --batch 1"

    code, out, err = run(f"{line} --set model.visual.depth=1")

    assert (code, err) == (0, "")
    assert "tiny, mask 0.75, fp32, batch 1, cpu, 1 threads, 1 rounds" in out
    assert re.search(r"a step with audio takes \d+\.\d{3} of one without\n", out)
    assert out.splitlines()[-1].startswith("transformers: not installed")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("--against fairseq", "error: unknown baseline 'fairseq': expected transformers"),
        ("--mask 1.5", "error: mask.ratio: found 1.5, expected less than 1"),
        ("--set optim.lrr=1", "error: unknown setting optim.lrr in --set"),
        ("--precision fp16", "error: Invalid value for '--precision'"),
    ],
)
def test_bench_step_with_wrong_argument_is_one_line_and_code_2(options: str, line: str) -> None:
    code, out, err = run(f"bench step --preset tiny --device cpu {options}")

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)
