"""What the system says of files becomes one line that names what failed."""

import errno
from pathlib import Path

import pytest

from avme.errors import SystemRequirementError
from avme.io.disk import try_write, writing


def said_of(error: OSError, folder: Path) -> str:
    with pytest.raises(SystemRequirementError) as caught, writing(folder):
        raise error
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_writing_on_full_disk_names_it(tmp_path: Path) -> None:
    assert said_of(OSError(errno.ENOSPC, ""), tmp_path).startswith(
        f"the disk of {tmp_path} is full"
    )


def test_writing_with_a_failed_file_names_it_and_the_reason(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300)

    with pytest.raises(SystemRequirementError) as caught, writing(tmp_path):
        path.touch()

    assert str(caught.value).startswith(f"{path}: File name too long. Finished shards are kept")
    rename = PermissionError(errno.EACCES, "Permission denied", b"/a", None, b"/b")
    assert said_of(rename, tmp_path).startswith("/a: Permission denied. ")


def test_writing_with_an_error_that_names_no_file_names_the_folder(tmp_path: Path) -> None:
    no_process = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    assert said_of(no_process, tmp_path).startswith(f"{tmp_path}: Resource temporarily unavailable")
    from_h5py = OSError("truncated file: eof = 96")
    assert said_of(from_h5py, tmp_path).startswith(f"{tmp_path}: truncated file: eof = 96. ")


def test_try_write_in_writable_folder_leaves_no_file(tmp_path: Path) -> None:
    try_write(tmp_path / "not" / "there", 3_000_000)

    assert list(tmp_path.iterdir()) == []


def test_try_write_in_impossible_folder_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(
        SystemRequirementError, match=r"file/below cannot be written \(Not a directory\)"
    ):
        try_write(tmp_path / "file" / "below", 1)
