"""What the system says of files becomes one line that names what failed."""

import errno
import os
from pathlib import Path

import pytest

from avme.errors import MachineError
from avme.io.disk import try_write, writing


def said_of(error: OSError, folder: Path) -> str:
    with pytest.raises(MachineError) as caught, writing(folder):
        raise error
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    assert said_of(OSError(errno.ENOSPC, ""), tmp_path).startswith(
        f"the disk of {tmp_path} is full"
    )


def test_a_file_that_is_gone_is_not_called_unwritable(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"

    with pytest.raises(MachineError) as caught, writing(tmp_path):
        path.read_bytes()

    assert str(caught.value).startswith(f"{path} cannot be used (No such file or directory)")


def test_reading_is_told_from_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bits = {os.R_OK: 0o400, os.W_OK: 0o200}
    monkeypatch.setattr(  # as for anybody but root, who may run these tests and may do all
        os, "access", lambda path, mode: bool(Path(path).stat().st_mode & bits[mode])
    )
    path = tmp_path / "plan.json"
    path.touch(mode=0o200)
    error = PermissionError(errno.EACCES, "Permission denied", str(path))
    assert said_of(error, tmp_path).startswith(f"{path} cannot be read (Permission denied")

    tmp_path.chmod(0o500)
    new = tmp_path / "new.json"
    error = PermissionError(errno.EACCES, "Permission denied", str(new))
    assert said_of(error, tmp_path).startswith(f"{new} cannot be written (Permission denied")
    tmp_path.chmod(0o700)


def test_a_path_that_cannot_even_be_looked_at_is_named(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300)

    with pytest.raises(MachineError) as caught, writing(tmp_path):
        path.touch()

    assert str(caught.value).startswith(f"{path} cannot be used (File name too long)")


def test_a_disk_that_may_only_be_read_cannot_be_written(tmp_path: Path) -> None:
    error = OSError(errno.EROFS, "Read-only file system", str(tmp_path / "new"))

    assert said_of(error, tmp_path).startswith(f"{tmp_path / 'new'} cannot be written (Read-only")


def test_what_is_no_file_is_not_blamed_on_one(tmp_path: Path) -> None:
    assert said_of(BlockingIOError(errno.EAGAIN, "no process"), tmp_path).startswith(
        f"the machine is short of something for the work on {tmp_path}"
    )
    assert said_of(OSError("truncated file: eof = 96"), tmp_path).startswith(
        f"the work on {tmp_path} failed (truncated file: eof = 96)"
    )


def test_what_can_be_written_leaves_no_trace(tmp_path: Path) -> None:
    try_write(tmp_path / "not" / "there", 3_000_000)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(MachineError, match=r"file/below cannot be written \(Not a directory\)"):
        try_write(tmp_path / "file" / "below", 1)
