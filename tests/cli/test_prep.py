"""`avme prep` refuses what it cannot prepare before it begins."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme_cli.app import app


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["prep", *args], prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("layout", ["ucf101", "folder"])
def test_a_folder_that_is_not_there_is_code_2(layout: str) -> None:
    assert run(layout, "nowhere") == (
        2,
        "",
        "error: nowhere does not exist, expected a folder of videos\n",
    )


def test_a_file_is_no_folder_of_videos() -> None:
    Path("clip.avi").write_bytes(b"")

    assert run("folder", "clip.avi")[2] == (
        "error: clip.avi is a file, expected a folder of videos\n"
    )


def test_a_folder_without_videos_is_one_line_and_code_2() -> None:
    Path("videos/cats").mkdir(parents=True)

    code, out, err = run("folder", "videos")

    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not Path("data").exists()


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--set", "jpeg=2"], "error: unknown setting jpeg in --set: did you mean jpeg_quality?\n"),
        (["--max-bad", "2"], "error: max_bad: found 2.0, expected less than or equal to 1"),
        (["--workers", "0"], "error: workers: found 0, expected greater than or equal to 1"),
        (["--name", "a", "--out", "sets/b"], "error: --out sets/b and --name a disagree"),
    ],
)
def test_impossible_settings_are_refused_before_any_work(args: list[str], line: str) -> None:
    Path("videos").mkdir()

    code, _, err = run("folder", "videos", *args)

    assert code == 2
    assert err.startswith(line)
