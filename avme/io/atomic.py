"""Atomic writes: a file is complete or does not exist.

Every file is written under a temporary name, flushed to the disk and renamed. A folder is finished
when its manifest exists, which is written last; no stage reads a folder without one.
"""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from avme.errors import ArtifactError
from avme.io.escape import escape_json
from avme.io.strict_json import MOST_BYTES, parse_json, read_json_text


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends without an error.

    The temporary file is new and empty. A symlink at `path` is replaced, not followed.

    Raises:
        OSError: The disk is full or the folder not writable; names `path`, which is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unique among hosts, processes and threads.
    who = f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"
    temporary = path.with_name(f".{path.name}.{who}.tmp")
    try:
        temporary.unlink(missing_ok=True)  # left by a killed process, or a symlink
        with temporary.open("x"):
            pass
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary), temporary):
            error.filename, error.filename2 = str(path), None  # a failed write() names no file
        raise
    finally:
        with suppress(OSError):  # already renamed; the original error matters more
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, content: dict[str, Any]) -> None:
    r"""Write readable JSON, atomically and in pieces, as a plan may be large.

    Non-ASCII names stay readable; control characters are written as `\u202e`.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        write_object(file, content)


def read_json(path: Path, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Read a JSON object; raises ArtifactError if the file holds none."""
    text = read_json_text(path, most_bytes)
    try:
        content = parse_json(text)
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON ({error}): delete it and run its stage") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"{path} holds {type(content).__name__}, expected an object")
    return content


def sweep(folder: Path) -> None:
    """Delete the temporary files of killed processes; the folder must have no other writer."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def write_object(file: TextIO, content: dict[str, Any]) -> None:
    """Write a JSON object, indented by two spaces, with escaped control characters."""
    pieces = json.JSONEncoder(indent=2, ensure_ascii=False, allow_nan=False).iterencode(content)
    file.writelines(map(escape_json, pieces))
    file.write("\n")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
