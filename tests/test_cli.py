"""The script `avme`: light imports, Ctrl-C before the error boundary."""

import importlib.metadata
import subprocess
import sys

import pytest

import avme_cli


def test_main_imports_no_command_line_before_its_call() -> None:
    """Every spawned process of `prep` imports it anew."""
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="avme")
    code = (
        f"import sys; from {script.module} import {script.attr}; sys.exit('typer' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_main_interrupted_during_imports_exits_130_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("avme_cli.app.main", interrupted)

    with pytest.raises(SystemExit) as ended:
        avme_cli.main()

    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"
