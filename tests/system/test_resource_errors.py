"""What the machine has run out of is one line with what to do, in every command."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avme.data.worker_errors import explain_worker_error
from avme.errors import SystemRequirementError
from avme.media.ffmpeg.process import ffmpeg_version
from avme.system.resource_errors import shortage
from avme_cli.app import app


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment only for workers that end."""
    monkeypatch.setattr("avme.data.worker_errors._SECONDS_TO_END", 0.05)


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (MemoryError(), "ulimit -v"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "ulimit -v"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "ulimit -v"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
        (OSError(errno.EMFILE, "Too many open files", "a.h5"), "ulimit -n"),
        (RuntimeError("unable to open </torch_1_2>: Too many open files (24)"), "ulimit -n"),
    ],
)
def test_shortage_names_the_resource_and_the_fix(error: Exception, cure: str) -> None:
    line = shortage(error)
    assert line is not None
    assert cure in line
    assert cure in str(explain_worker_error(error, ()))


@pytest.mark.parametrize(
    "error", [RuntimeError("shape"), OSError(errno.EROFS, "Read-only"), EOFError()]
)
def test_shortage_of_other_errors_is_none(error: Exception) -> None:
    assert shortage(error) is None


def test_shortage_of_lost_worker_server_is_no_end_of_input() -> None:
    found = explain_worker_error(EOFError(), ())

    assert isinstance(found, SystemRequirementError)
    assert "--workers 0" in str(found)


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_shortage_of_file_handles_names_the_limit(tmp_path: Path) -> None:
    command = ["config", "init", "pretrain", str(tmp_path / "a.yaml")]
    assert CliRunner().invoke(app, [*command[:-1], str(tmp_path / "b.yaml")]).exit_code == 0

    with no_more_files():
        done = CliRunner().invoke(app, command, prog_name="avme")

    said = "error: too many open files: raise `ulimit -n`, or use fewer --workers\n"
    assert (done.exit_code, done.stderr) == (6, said)


def test_ffmpeg_version_without_file_handles_is_a_machine_error(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    with no_more_files(), pytest.raises(SystemRequirementError, match="ulimit -n"):
        ffmpeg_version(str(program))

    assert ffmpeg_version(str(program)) == "unknown"
