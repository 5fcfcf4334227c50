"""Commands whose output nobody reads: closed, a pipe without a reader, a full disk."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from avme_cli.app import app
from avme_cli.terminal.streams import CLOSED_PIPE, EscapedStream, _Guarded, escaping

AVME = f"{sys.executable} -m avme_cli"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "closed", "code"),
    [
        pytest.param("config list", ">&-", 0, marks=pytest.mark.slow),
        ("config list", "<&- >&- 2>&-", 0),
        ("audit gone", "2>&-", 2),
        pytest.param("audit gone", "<&- >&-", 2, marks=pytest.mark.slow),
    ],
)
def test_closed_streams_change_no_exit_code(command: str, closed: str, code: int) -> None:
    done = shell(f"{AVME} {command} {closed}")

    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_guarded_streams_when_closed_reserve_their_file_number(tmp_path: Path) -> None:
    """Libraries of C print to number 2, whatever is behind it."""
    code = (
        "import os, avme_cli.terminal.streams as s; s.open_missing();"
        f"f = open({str(tmp_path / 'shard')!r}, 'w'); os.write(2, b'words of a library');"
        "f.write('data'); print('done')"
    )

    done = shell(f'{sys.executable} -c "{code}" 2>&-')

    assert done.stdout == "done\n"
    assert (tmp_path / "shard").read_text() == "data"


@pytest.mark.parametrize(
    "command",
    [pytest.param("config show pretrain", marks=pytest.mark.slow), "--help", "config list"],
)
def test_closed_pipe_ends_a_command_quietly(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "avme_cli", *command.split()],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (CLOSED_PIPE, b"")


def test_closed_pipe_keeps_the_exit_code_of_an_error() -> None:
    done = shell(f"{AVME} audit gone 2>&1 | true; exit ${{PIPESTATUS[0]}}")

    assert done.returncode == 2


def test_full_disk_at_standard_output_is_a_machine_error(
    lacking: Callable[[str], NoReturn],
) -> None:
    if not Path("/dev/full").exists():
        lacking("/dev/full")
    done = shell(f"{AVME} config list > /dev/full")

    assert done.returncode == 6
    assert done.stderr == (
        "error: standard output cannot be written (No space left on device): make room and repeat\n"
    )


class Gone(io.StringIO):
    """A stream without a reader."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_reports_without_a_reader_are_dropped_and_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", Gone())

    with escaping():
        print("a report", file=sys.stderr)
        print("another", file=sys.stderr)


def test_results_without_a_reader_end_the_command() -> None:
    with pytest.raises(SystemExit) as ended:
        _Guarded(Gone()).write("a result")

    assert ended.value.code == CLOSED_PIPE


def test_escaping_removes_colors_and_control_characters_of_libraries() -> None:
    below = io.StringIO()
    stream = EscapedStream(below)

    print("\x1b[31mred\x9b\n\tmore", file=stream)

    assert below.getvalue() == "\\x1b[31mred\\x9b\n\tmore\n"
    assert not stream.isatty()


def test_escaped_stream_in_narrow_locale_does_not_fail() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "avme_cli", "audit", "射箭"],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )

    assert done.returncode == 2
    assert b"\\u5c04\\u7bad" in done.stderr


def test_escaped_stream_escapes_arguments() -> None:
    result = CliRunner().invoke(app, ["audit", "gone\x1b[2J\nerror: all is well"], prog_name="avme")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: DATA gone\\x1b[2J")
    assert result.stderr.count("\n") == 1
