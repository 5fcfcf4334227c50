"""Refusal of symlinks in run and dataset folders: untrusted folders must not lead outside.

The folder itself may be a symlink, as to a larger disk. Below it are folders and regular files
only, and a file that is appended to has no other name (hard link).
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from avme.errors import ArtifactError

_FOREIGN: Final = "wandb"
"""Folder in a run that Weights & Biases fills with symlinks; avme does not touch it."""
_NOT_OPENED: Final = frozenset({errno.ELOOP, errno.ENXIO})
"""Error numbers of a symlink that is not followed and of a pipe without a reader."""


def find_links(folder: Path) -> Iterator[Path]:
    """Yield everything below `folder` that is neither a folder nor a regular file."""
    waiting = [folder]
    while waiting:
        inside = waiting.pop()
        try:
            entries = os.scandir(inside)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # contains no files of avme
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if inside != folder or entry.name != _FOREIGN:
                        waiting.append(inside / entry.name)
                elif not entry.is_file(follow_symlinks=False) and os.path.lexists(entry.path):
                    yield inside / entry.name  # lexists: a temporary file may have been deleted


def require_no_links(folder: Path) -> None:
    """Raise ArtifactError if `folder` contains a symlink, a pipe or a device."""
    for path in find_links(folder):
        raise _refused(path)


def own_file(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file that has no other path: the `opener` of `open` for files to append to.

    Raises ArtifactError if it is a symlink, not a regular file, or has a hard link.
    """
    handle = open_unlinked(path, flags)
    if (names := os.fstat(handle).st_nlink) > 1:
        os.close(handle)
        raise ArtifactError(
            f"{os.fspath(path)} has {names} names (hard links), and writing to it would change all "
            "of them: put a copy in its place"
        )
    return handle


def open_unlinked(path: str | os.PathLike[str], flags: int) -> int:
    """Open a regular file without following a symlink or blocking on a pipe.

    Raises ArtifactError for anything else.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno in _NOT_OPENED:
            raise _refused(path) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _refused(path)
    return handle


def _refused(path: str | os.PathLike[str]) -> ArtifactError:
    kind = "is a link" if os.path.islink(path) else "is not a regular file"
    return ArtifactError(
        f"{os.fspath(path)} {kind}: links inside a run or a prepared set are not followed (the "
        "folder itself may be a link): put a copy in its place, or delete it"
    )
