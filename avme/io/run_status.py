"""status.json of a run folder: stage and state, and whether the folder may be opened."""

import errno
import os
import shutil
import socket
import time
from pathlib import Path
from reprlib import Repr
from typing import Any

from avme.errors import ArtifactError, UsageError
from avme.io.atomic import read_json, write_json, write_object
from avme.io.filenames import RUN_STATUS
from avme.io.lock import is_held, lock_path
from avme.io.symlinks import own_file, require_no_links

RUN_LOCK = "run"
"""Lock held by the first process of a run while it lives."""
STATES = ("running", "stopped", "finished", "failed")
KILLED = "killed"
_SHORT = Repr()
"""Shortened repr of a value in a file, for one-line messages."""
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40


def open_run(folder: Path, stage: str, *, resume: bool, overwrite: bool) -> Path:
    """Prepare the folder for a run.

    When a run is replaced, its state becomes `running` before the first file is deleted, and
    status.json stays: a kill in between leaves nothing that looks finished.

    Args:
        folder: Run folder.
        stage: `pretrain` or `finetune`.
        resume: Continue the run in it.
        overwrite: Replace the run in it.

    Raises:
        UsageError: It holds a run, and neither `resume` nor `overwrite` is set.
        ArtifactError: There is nothing to resume.
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
    """Raise the errors of `open_run` without writing anything.

    Args:
        folder: Run folder.
        resume: Continue the run in it.
        overwrite: Replace the run in it.
    """
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


def write_status(folder: Path, stage: str, state: str, **facts: Any) -> None:
    """Write stage and state of a run folder.

    A killed process leaves `running`, with its process id and host; `state_of` checks whether it
    lives. On a full disk the file is overwritten in place.

    Args:
        folder: Run folder.
        stage: `pretrain` or `finetune`.
        state: `running`, `stopped`, `finished` or `failed`.
        facts: Further keys.
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
    """Set the state of a run to `failed` after one of its processes was killed.

    Args:
        folder: Run folder.
        reason: Cause of the failure.
        rank: Rank that failed, if known.
        since: Start time of the run; an older status is unchanged.
    """
    if not (folder / RUN_STATUS).is_file():
        return
    status = read_status(folder)
    if status["state"] in ("running", "failed") and status["updated"] >= since:
        write_status(folder, status["stage"], "failed", reason=reason, rank=rank)


def read_status(folder: Path) -> dict[str, Any]:
    """Read status.json; raises ArtifactError if stage, state or time are invalid."""
    path = folder / RUN_STATUS
    status = {"updated": 0.0, **read_json(path)}
    for name, kinds in {"stage": (str,), "state": (str,), "updated": (int, float)}.items():
        if type(status.get(name)) not in kinds:
            raise ArtifactError(
                f"{path} is damaged ({name} is {_SHORT.repr(status.get(name))}): delete it; only "
                "the recorded state of the run is lost"
            )
    if status["state"] not in STATES:
        raise ArtifactError(
            f"{path} has the state {_SHORT.repr(status['state'])}, expected {', '.join(STATES)}: "
            "delete it; only the recorded state of the run is lost"
        )
    return status


def state_of(folder: Path) -> str | None:
    """Describe the state in status.json; None without the file.

    A run whose state is `running` but whose process is gone is called killed.
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
    """Return the path; raises ArtifactError if it is a run folder that has not finished."""
    state = state_of(path)
    if state not in (None, "finished"):
        raise ArtifactError(
            f"{path} is {state}, expected a finished run: continue it with its own command and "
            "--resume, or name one of its checkpoints/*.pt"
        )
    return path


def _write_in_place(path: Path, content: dict[str, Any]) -> None:
    """Overwrite a small file in its existing blocks, which works on a full disk."""
    with open(path, "r+", encoding="utf-8", newline="", opener=own_file) as file:
        write_object(file, content)
        file.truncate()


def _content_of(folder: Path) -> list[Path]:
    """List the content of a folder except the run lock."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path != lock_path(folder, RUN_LOCK)]


def _require_run(folder: Path) -> None:
    if not (folder / RUN_STATUS).exists():
        raise UsageError(
            f"{folder} is not empty and was not written by avme (it has no {RUN_STATUS}): "
            "--overwrite refuses to delete it, choose another with --out"
        )
