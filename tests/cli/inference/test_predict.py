"""`avme predict` on the terminal, as JSON and CSV, and on what it refuses."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from avme_cli.app import app

pytestmark = pytest.mark.slow


def run(*args: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, args)])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]) -> Path:
    return make_video(tmp_path_factory.mktemp("predict") / "a.avi", frames=25)


def test_predict_prints_the_classes_of_a_file(finetuned: Path, video: Path) -> None:
    result = run(finetuned, video)

    assert result.exit_code == 0, result.stderr
    first, *rows = result.stdout.splitlines()
    assert first == f"{video}  (00:00:01, audible audio, mean of 5 windows)"
    assert {row.split()[0] for row in rows} == {"Archery", "Bowling"}
    assert sum(float(row.split()[1]) for row in rows) == pytest.approx(100.0, abs=0.11)
    assert "█" not in result.stdout


def test_predict_with_the_weights_alone_is_the_same(
    finetuned: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(finetuned, video).stdout
    alone = tmp_path / "model.safetensors"
    alone.write_bytes((finetuned / "weights.safetensors").read_bytes())
    monkeypatch.chdir(tmp_path)

    assert run("model.safetensors", video).stdout == expected


def test_predict_json_and_csv_have_all_windows(
    finetuned: Path, video: Path, tmp_path: Path
) -> None:
    table = tmp_path / "rows.csv"
    result = run(finetuned, video, "--stride", "0.32", "--topk", "1", "--json", "--csv", table)

    (record,) = json.loads(result.stdout)
    assert [window["start"] for window in record["windows"]] == [0.0, 0.32, 0.64, 0.68]
    assert len(record["top"]) == 1
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["window"] for row in rows] == ["all", "0", "1", "2", "3"]
    assert rows[0]["class"] == record["top"][0]["class"]
    assert float(rows[0]["probability"]) == record["top"][0]["probability"]


def test_predict_timeline_ends_with_the_file(finetuned: Path, video: Path) -> None:
    result = run(finetuned, video, "--timeline", "--topk", "1")

    assert result.stdout.splitlines()[2].startswith("  0:00.0 to 0:")
    assert "to 0:01.0 " in result.stdout.splitlines()[-1]


def test_predict_of_a_folder_reports_failed_files_and_continues(
    finetuned: Path, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.avi").write_bytes(video.read_bytes())
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    (tmp_path / "image.mp4").write_bytes(b"\x89PNG\r\n\x1a\n")

    result = run(finetuned, tmp_path)

    assert result.exit_code == 3
    assert "good.avi  (" in result.stdout
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    assert errors[0].startswith(f"error: {tmp_path}/bad.mp4 cannot be opened as a video: ")
    assert errors[0].count("bad.mp4") == 1
    assert "image.mp4 is an image" in errors[1]
    assert "2 of 3 files have no prediction" in errors[2]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["VIDEO", "--segments", "2", "--stride", "1"], 2, "exclude each other"),
        (["VIDEO", "--stride", "0"], 2, "--stride: expected seconds above 0"),
        (["VIDEO", "VIDEO", "--annotate", "out.mp4"], 2, "--annotate is for one file"),
        (["VIDEO", "--annotate", "out.avi"], 2, "expected a name that ends with .mp4"),
        (["VIDEO", "--csv", "there.csv"], 2, "there.csv exists already"),
        (["VIDEO", "--csv", "none/rows.csv"], 5, "none does not exist"),
        (["http://host/a.mp4"], 2, "http://host/a.mp4: addresses are not read"),
        (["own.mp4", "--annotate", "own.mp4", "--overwrite"], 2, "is the video itself"),
        (["missing.mp4"], 2, "missing.mp4 does not exist"),
        (["empty.mp4"], 3, "is empty"),
        (["VIDEO", "--modality", "product"], 2, "no unimodal heads"),
    ],
)
def test_predict_refuses_in_one_line(
    finetuned: Path,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.csv").touch()
    Path("empty.mp4").touch()
    Path("own.mp4").touch()

    result = run(finetuned, *(str(video) if word == "VIDEO" else word for word in arguments))

    assert (result.exit_code, result.stdout) == (code, "")
    lines = [line for line in result.stderr.splitlines() if not line.startswith("predict ")]
    assert len(lines) == 1, result.stderr
    assert said in lines[0]


def test_predict_of_a_pretraining_names_the_next_command(pretrained: Path, video: Path) -> None:
    result = run(pretrained, video)

    assert result.exit_code == 4
    assert "avme finetune --from" in result.stderr


def test_predict_without_the_best_epoch_warns_and_uses_the_last(
    finetuned: Path, video: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(finetuned, tmp_path / "run")
    (copied / "checkpoints" / "best.pt").unlink()

    result = run(copied, video, "--segments", "1")

    assert result.exit_code == 0, result.stderr
    assert "best.pt is missing, so that the last epoch is used" in result.stderr
    assert "is missing" not in run(copied / "checkpoints" / "last.pt", video).stderr


def test_predict_of_an_exported_graph_says_what_reads_it(video: Path, tmp_path: Path) -> None:
    (tmp_path / "export.json").touch()
    (tmp_path / "model.onnx").touch()

    for path in (tmp_path, tmp_path / "model.onnx"):
        result = run(path, video)
        assert (result.exit_code, result.stdout) == (5, "")
        assert "holds a graph for ONNX Runtime" in result.stderr


def test_predict_of_a_name_that_is_no_text_writes_all_outputs(
    finetuned: Path, video: Path, tmp_path: Path
) -> None:
    """Such names come from archives in other encodings."""
    odd = os.fsencode(tmp_path) + b"/caf\xe9.avi"
    os.link(video, odd)

    outputs = ("--json", "--csv", tmp_path / "rows.csv", "--annotate", tmp_path / "out.mp4")
    done = run(finetuned, os.fsdecode(odd), "--segments", "1", *outputs)

    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)[0]["file"] == rf"{tmp_path}/caf\udce9.avi"
    assert r"caf\udce9.avi" in (tmp_path / "rows.csv").read_text(encoding="utf-8")
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_predict_annotates_a_video(finetuned: Path, video: Path, tmp_path: Path) -> None:
    result = run(finetuned, video, "--annotate", tmp_path / "out.mp4")

    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert run(finetuned, video, "--annotate", tmp_path / "out.mp4").exit_code == 2
    assert run(finetuned, video, "--annotate", tmp_path / "out.mp4", "--overwrite").exit_code == 0


def test_predict_imports_neither_plots_nor_compilers(finetuned: Path, video: Path) -> None:
    """They would take more time than a short file."""
    unwanted = ("matplotlib", "torchvision", "sklearn", "torch._dynamo", "sympy", "triton")
    program = (
        "import sys\nfrom avme_cli import main\n"
        f"sys.argv = ['avme', 'predict', {str(finetuned)!r}, {str(video)!r}]\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"found = [name for name in {unwanted} if name in sys.modules]\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
