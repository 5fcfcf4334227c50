"""What is printed is shown, never obeyed: neither by a terminal nor by rich."""

import ast
import io
from pathlib import Path

import pytest
from rich.table import Table

import avme_cli
from avme.io.escape import escape_text
from avme_cli.terminal.output import MOST_CHARACTERS, print_error, print_line, shortened, verbatim
from avme_cli.terminal.progress import BarReporter, LineReporter

HOSTILE = "[red]射箭[/red]\x1b[2J\n\u202e:v:[link=file:///x]"
SHOWN = "[red]射箭[/red]\\x1b[2J\\n\\u202e:v:[link=file:///x]"


def test_print_line_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(HOSTILE)

    assert capsys.readouterr().out == f"{SHOWN}\n"


def test_print_table_shows_cells_and_title_in_full_width(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table("name", title=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row("plain")

    verbatim(width=100).print(table)

    lines = capsys.readouterr().out.splitlines()
    assert SHOWN in lines[0]
    assert sum(SHOWN in line for line in lines) == 2
    assert (
        len({len(escape_text(line)) - line.count("射") - line.count("箭") for line in lines}) <= 3
    )


@pytest.mark.parametrize("width", [40, 200])
def test_progress_bars_and_lines_above_them_are_escaped(width: int) -> None:
    stream = io.StringIO()
    console = verbatim(file=stream, force_terminal=True, width=width, color_system=None)

    with BarReporter(console).task("\x1b]0;title\x07", total=2) as task:
        task.advance(note="\x1b[31mnote\x9b")
        BarReporter(console).log(HOSTILE)

    written = stream.getvalue()
    assert SHOWN in written
    assert not any(c in written for c in ("\x1b]", "\x1b[31m", "\x1b[2J", "\x9b", "\u202e", "\x07"))


def test_print_line_removes_control_characters() -> None:
    stream = io.StringIO()

    with LineReporter(stream).task(HOSTILE, total=1) as task:
        task.advance(note="\x1b[31m")

    assert stream.getvalue().startswith(f"{SHOWN}  1/1")
    assert escape_text(stream.getvalue(), keep="\n") == stream.getvalue()


def test_print_error_of_long_message_keeps_file_and_fix() -> None:
    path = "/scratch/" + "deep/" * 100 + "dataset.json"
    line = f"error: {path} cannot be read ({'0123456789 ' * 600}): run `avme prep` again"

    short = shortened(line)

    assert len(short) <= MOST_CHARACTERS
    assert "dataset.json cannot be read" in short
    assert short.endswith(": run `avme prep` again")


def test_print_line_of_400_characters_is_complete() -> None:
    line = "x" * MOST_CHARACTERS

    assert shortened(line) == line


@pytest.mark.parametrize(
    ("is_terminal", "no_color", "is_red"),
    [(True, "", True), (True, "1", False), (False, "", False)],
)
def test_errors_are_red_on_terminals_that_want_it(
    is_terminal: bool, no_color: str, is_red: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    print_error(f"error: {'a' * 90} \x1b[1mx")

    written = stream.getvalue()
    assert ("\x1b[31m" in written) == is_red
    assert f"error: {'a' * 90} \\x1b[1mx" in written
    assert written.count("\n") == 1


def test_print_is_called_by_no_other_module() -> None:
    """Only output.py, tables, the log of progress.py and what runs before imports print."""
    found = set()
    for path in Path(avme_cli.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called.split(".")[-1] in ("print", "echo", "secho", "Console"):
                    found.add((path.name, called))

    allowed = ("output.py", "__init__.py")
    assert {(name, called) for name, called in found if name not in allowed} == {
        ("audit.py", "console.print"),
        ("compare.py", "console.print"),
        ("config.py", "verbatim().print"),
        ("demo.py", "verbatim().print"),
        ("control_tables.py", "console.print"),
        ("control_tables.py", "verbatim().print"),
        ("eval_tables.py", "console.print"),
        ("eval_tables.py", "verbatim().print"),
        ("progress.py", "print"),
        ("progress.py", "self._console.print"),
        ("table.py", "console.print"),
    }
