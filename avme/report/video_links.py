"""Relative links from a page to files beside it, such as the videos that clips were made from."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote_from_bytes

from avme.errors import UsageError

NO_FILE, WHOLE_FILE, CUT = 0, 1, 2
"""Kinds of clips: without a file, a whole file, and a part of a file (`talks/a.mp4#5-7.25`)."""


def relative_href(path: Path, folder: Path) -> str:
    """Return the address of a path relative to the folder of the page, with `/` also on the web."""
    return quote_from_bytes(os.fsencode(os.path.relpath(path, folder)))


@dataclass(frozen=True, slots=True)
class VideoFolder:
    """Folder of the original videos, in which an id is the path of a file."""

    folder: Path
    href: str
    """Address relative to the page, which ends with `/`."""

    @classmethod
    def open(cls, folder: Path, page_folder: Path, ids: Iterable[str]) -> "VideoFolder":
        """Return the folder.

        Args:
            folder: Folder of videos.
            page_folder: Folder of the page.
            ids: Clips of the page.

        Raises:
            UsageError: It is no folder, or holds no file of any of the clips.
        """
        if not folder.is_dir():
            raise UsageError(f"--videos {folder} is no folder: give that of the original videos")
        found = cls(folder, f"{relative_href(folder, page_folder)}/")
        asked = list(ids)
        if asked and not any(map(found.kind_of, asked)):
            raise UsageError(
                f"--videos {folder} holds no file of the clips (expected such as {asked[0]}): give "
                "the folder that `avme prep` was given"
            )
        return found

    def kind_of(self, clip: str) -> int:
        """Return the kind of a clip by its id; a path that leaves the folder has no file."""
        file, _, span = clip.rpartition("#")
        if self._holds(clip):
            return WHOLE_FILE
        return CUT if span[:1].isdigit() and self._holds(file) else NO_FILE

    def _holds(self, name: str) -> bool:
        path = PurePosixPath(name)
        is_inside = bool(name) and not path.is_absolute() and ".." not in path.parts
        return is_inside and name.isprintable() and os.path.isfile(self.folder / path)
