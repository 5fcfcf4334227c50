"""`avme report` writes a page and prints its path."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme_cli.app import app


def test_report_prints_the_path_of_the_page(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run, out = make_run(tmp_path / "run"), tmp_path / "page.html"

    result = CliRunner().invoke(app, ["report", str(run), "--out", str(out), "--media-mb", "0"])

    assert (result.exit_code, result.stderr, result.stdout) == (0, "", f"{out}\n")
    assert "<title>run: avme report</title>" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["nowhere"], 5, "nowhere holds neither status.json nor summary.json"),
        ([], 2, "RUN..."),
        ([".", "--media-mb", "-1"], 2, "--media-mb"),
        (["run", "--videos", "nowhere"], 2, "--videos nowhere is no folder"),
        (
            ["run", "--videos", "run"],
            2,
            "--videos run holds no file of the clips (expected such as A/c",
        ),
    ],
)
def test_report_with_wrong_arguments_is_one_line(
    arguments: list[str],
    code: int,
    line: str,
    make_run: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run")

    result = CliRunner().invoke(app, ["report", *arguments])

    assert result.exit_code == code
    assert line in result.stderr
    assert result.stderr.count("\n") <= 2
