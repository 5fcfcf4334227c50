"""`avme bench`: a table for people, a list of rows for programs, absent peers by name."""

import json
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.bench import baselines
from avme_cli import bench
from avme_cli.app import app


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(
        app, ["--quiet", *line.split()], prog_name="avme", env={"COLUMNS": "120"}
    )
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def made(make_video: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two clips, one as long as a window, with the one set under data/."""
    root = tmp_path_factory.mktemp("made")
    make_video(root / "videos/A/v_A_g01_c01.avi", frames=64)
    make_video(root / "videos/A/v_A_g09_c01.avi", frames=4)
    with chdir(root):
        code, _, err = run("prep ucf101 videos --name pair --workers 1")
    assert code == 0, err
    return root


@pytest.fixture
def prepared(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands there: nothing that is measured writes."""
    monkeypatch.chdir(made)


def test_bench_loader_offers_all_baselines() -> None:
    assert tuple(baselines.PEERS) == bench.PEERS


@pytest.mark.usefixtures("prepared")
@pytest.mark.slow
def test_bench_loader_prints_table_and_absent_baselines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)

    code, out, err = run("bench loader --clips 2 --rounds 1 --against pyav decord")

    assert (code, err) == (0, "")
    assert "2 windows of 1 clips of 48x32, 1 rounds, one core" in out
    assert "avme with audio" in out
    assert " times as fast as pyav" in out
    assert out.endswith("decord: not installed\n")


@pytest.mark.usefixtures("prepared")
@pytest.mark.slow
def test_bench_loader_with_json_prints_rows() -> None:
    code, out, _ = run("bench loader pair --clips 2 --rounds 1 --against pyav --json")

    rows = json.loads(out)
    assert code == 0
    assert [row["name"] for row in rows] == ["avme", "pyav", "avme with audio"]
    assert rows[0]["ratio"] == 1
    assert all(row["clips_per_second"] > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.usefixtures("prepared")
def test_bench_prep_prints_ffmpeg_and_prep() -> None:
    code, out, _ = run("bench prep --rounds 1 --workers 1")
    rows = json.loads(run("bench prep --rounds 1 --workers 1 --json")[1])

    assert code == 0
    assert "2 videos of 3 s, 1 at a time, 1 rounds" in out
    assert [row["name"] for row in rows] == ["ffmpeg alone", "avme prep"]
    assert rows[1]["ratio"] == pytest.approx(rows[1]["seconds"] / rows[0]["seconds"])


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "bench loader --against moviepy",
            "error: unknown baseline 'moviepy': expected torchcodec",
        ),
        ("bench loader --videos elsewhere", "error: elsewhere holds no video of data/pair: name"),
    ],
)
@pytest.mark.slow
def test_bench_with_wrong_argument_exits_2_with_one_line(line: str, told: str) -> None:
    code, out, err = run(line)

    assert (code, out) == (2, "")
    assert err.startswith(told)
