"""The folders through which the stages speak.

Every file is written under a temporary name, flushed to the disk and renamed, so that a file
either is whole or does not exist. A folder is finished when its manifest is there, which is
written last; no stage reads a folder without one.
"""

import errno
import hashlib
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from reprlib import Repr
from typing import Any, TextIO

from avme.errors import ArtifactError, UsageError
from avme.escape import escape_json
from avme.links import own_file, require_no_links
from avme.lock import is_held, lock_path
from avme.plain_json import MOST_BYTES, parse_json, read_json_text

DATASET_MANIFEST = "dataset.json"
RUN_STATUS = "status.json"
RUN_LOCK = "run"
"""Held by the first process of a run, as long as it lives."""
STATES = ("running", "stopped", "finished", "failed")
KILLED = "killed"
_SHORT = Repr()
"""Shows of what a file holds no more than a line has room for."""
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path`, whole, when the block ends well.

    It is a new, empty file. A link at `path` is replaced, not followed.
    Raises OSError, which names `path`, if the disk is full or the folder is not writable; `path` is
    then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Other hosts have the same process ids, and other threads this one.
    who = f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"
    temporary = path.with_name(f".{path.name}.{who}.tmp")
    try:
        temporary.unlink(missing_ok=True)  # what a killed process left, or a link
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
        with suppress(OSError):  # it is not there; the error itself matters more
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes readable JSON, all or nothing; piece by piece, as a plan may be large.

    Names stay readable; characters that a terminal would obey are written as `\\u202e`.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        _write_object(file, content)


def read_json(path: Path, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The object in a JSON file; raises ArtifactError where there is none."""
    text = read_json_text(path, most_bytes)
    try:
        content = parse_json(text)
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON ({error}): delete it and run its stage") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"{path} holds {type(content).__name__}, expected an object")
    return content


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_run(folder: Path, stage: str, *, resume: bool, overwrite: bool) -> Path:
    """The folder, ready for a run.

    What is overwritten is called running from before its first file goes, and status.json stays:
    who is killed meanwhile leaves nothing behind that looks finished.
    Raises UsageError when it holds a run and neither `resume` nor `overwrite` is given, and
    ArtifactError when there is nothing to resume.
    """
    require_openable(folder, resume=resume, overwrite=overwrite)
    content = _content_of(folder)
    if content and overwrite:
        write_status(folder, stage, "running")
        for path in set(content) - {folder / RUN_STATUS}:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def require_openable(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise what `open_run` would raise; nothing is written."""
    if resume:
        require_no_links(folder)
    if resume and overwrite:
        raise UsageError("--resume and --overwrite exclude each other: give one")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, expected a run folder: choose another with --out")
    content = _content_of(folder)
    if resume and not content:
        raise ArtifactError(f"{folder} holds nothing to resume: run without --resume to start")
    if content and overwrite:
        _require_run(folder)
    elif content and not resume:
        raise UsageError(
            f"{folder} is not empty: --resume continues it, --overwrite replaces it, "
            "--out chooses another folder"
        )


def sweep(folder: Path) -> None:
    """Deletes what killed processes left half-written in a folder that nobody else writes to."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def write_status(folder: Path, stage: str, state: str, **facts: Any) -> None:
    """Says what a run folder is and how far it got.

    `state` is running, stopped, finished or failed. A process that is killed leaves `running`
    behind, with its number and host: whether it is true, `state_of` tells. On a full disk the file
    is overwritten where it is.
    """
    said = {"stage": stage, "state": state, "updated": time.time()}
    who = {"host": socket.gethostname(), "pid": os.getpid()} if state == "running" else {}
    path, content = folder / RUN_STATUS, {**said, **who, **facts}
    try:
        write_json(path, content)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not path.is_file():
            raise
        _write_in_place(path, content)


def amend_failure(folder: Path, reason: str, rank: int | None, *, since: float) -> None:
    """Corrects what survivors wrote, or nobody did, of a process that was killed.

    `since` is when the run was started: what an earlier one wrote stays.
    """
    if not (folder / RUN_STATUS).is_file():
        return
    status = read_status(folder)
    if status["state"] in ("running", "failed") and status["updated"] >= since:
        write_status(folder, status["stage"], "failed", reason=reason, rank=rank)


def read_status(folder: Path) -> dict[str, Any]:
    """status.json of a run; raises ArtifactError where stage, state or time are none."""
    path = folder / RUN_STATUS
    status = {"updated": 0.0, **read_json(path)}
    for name, kinds in {"stage": (str,), "state": (str,), "updated": (int, float)}.items():
        if type(status.get(name)) not in kinds:
            raise ArtifactError(
                f"{path} is damaged ({name} is {_SHORT.repr(status.get(name))}): delete it, and "
                "nothing but what it says of the run is lost"
            )
    if status["state"] not in STATES:
        raise ArtifactError(
            f"{path} has the state {_SHORT.repr(status['state'])}, expected {', '.join(STATES)}: "
            "delete it, and nothing but what it says of the run is lost"
        )
    return status


def state_of(folder: Path) -> str | None:
    """What status.json says of a run, in words; None where there is none.

    What is said to be running, but is not, is called killed.
    """
    if not (folder / RUN_STATUS).is_file():
        return None
    status = read_status(folder)
    state: str = status["state"]
    if state == "running":
        who = f"process {status.get('pid', '?')} on {status.get('host', '?')}"
        return f"running as {who}" if is_held(folder, RUN_LOCK) else f"{KILLED} (it was {who})"
    return state


def require_finished_run(path: Path) -> Path:
    """The path, unless it is a run folder that has not finished, which raises ArtifactError."""
    state = state_of(path)
    if state not in (None, "finished"):
        raise ArtifactError(
            f"{path} is {state}, expected a finished run: go on with its own command and "
            "--resume, or name one of its checkpoints/*.pt"
        )
    return path


def only_dataset(root: Path, option: str = "--data") -> Path:
    """The one prepared set under `root`; raises ArtifactError for none and UsageError for many.

    `option` is what names another one, for messages.
    """
    found = sorted(manifest.parent for manifest in root.glob(f"*/{DATASET_MANIFEST}"))
    if not found:
        raise ArtifactError(f"no prepared set in {root}/: run `avme prep` first, or give {option}")
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise UsageError(f"{root}/ holds several prepared sets ({names}): choose one with {option}")
    return found[0]


def _write_in_place(path: Path, content: dict[str, Any]) -> None:
    """Overwrite a small file, which a full disk allows as far as its blocks go."""
    with open(path, "r+", encoding="utf-8", newline="", opener=own_file) as file:
        _write_object(file, content)
        file.truncate()


def _write_object(file: TextIO, content: dict[str, Any]) -> None:
    pieces = json.JSONEncoder(indent=2, ensure_ascii=False, allow_nan=False).iterencode(content)
    file.writelines(map(escape_json, pieces))
    file.write("\n")


def _content_of(folder: Path) -> list[Path]:
    """What lies in a folder, but for the lock of whoever asks."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path != lock_path(folder, RUN_LOCK)]


def _require_run(folder: Path) -> None:
    if not (folder / RUN_STATUS).exists():
        raise UsageError(
            f"{folder} is not empty and was not written by avme (it has no {RUN_STATUS}): "
            "--overwrite refuses to delete it, choose another with --out"
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
