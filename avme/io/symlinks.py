"""Links in the folders of runs and sets, refused: a stranger's folder must not lead out of itself.

The folder itself may be a link, as to a larger disk. Below it are folders and regular files only,
and a file that is appended to has no other name (hard link).
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from avme.errors import ArtifactError

_FOREIGN: Final = "wandb"
"""Folder in a run that Weights & Biases fills; it makes links there, and avme touches nothing."""
_NOT_OPENED: Final = frozenset({errno.ELOOP, errno.ENXIO})
"""What the system says of a link that is not to be followed, and of a pipe that nobody reads."""


def find_links(folder: Path) -> Iterator[Path]:
    """Yield everything below `folder` that is neither a folder nor a regular file."""
    waiting = [folder]
    while waiting:
        inside = waiting.pop()
        try:
            entries = os.scandir(inside)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # nothing of ours can be there
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if inside != folder or entry.name != _FOREIGN:
                        waiting.append(inside / entry.name)
                elif not entry.is_file(follow_symlinks=False) and os.path.lexists(entry.path):
                    yield inside / entry.name  # lexists: a temporary file may be gone by now


def require_no_links(folder: Path) -> None:
    """Raise ArtifactError if something below `folder` is a link, a pipe or a device."""
    for path in find_links(folder):
        raise _refused(path)


def own_file(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file that no other path leads to: the `opener` of `open` for files to append to.

    Raises ArtifactError if it is a link, no regular file, or has another name (hard link).
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
    """Open a regular file without following a link and without waiting for a pipe.

    Raises ArtifactError if it is something else.
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
    kind = "is a link" if os.path.islink(path) else "is no regular file"
    return ArtifactError(
        f"{os.fspath(path)} {kind}: what is in a run or a prepared set is not followed to other "
        "places (the folder itself may be a link): put a copy in its place, or delete it"
    )
