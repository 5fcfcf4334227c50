"""Recursive search for video files; skipped entries are counted and reported.

Symlinks are followed inside the folder only, and a linked folder once, so that cycles end. Hidden
files and folders are skipped, and so are datasets made by `avme prep`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote_from_bytes

from avme.io.filenames import DATASET_MANIFEST, PLAN, SHARDS
from avme.media.container.formats import OTHER_SUFFIXES, UNFINISHED_SUFFIXES, VIDEO_SUFFIXES
from avme.media.container.sniff import sniff
from avme.message_text import some_of

_MANIFESTS: Final = (PLAN, DATASET_MANIFEST)
_MOST_NAMED: Final = 3
MOST_SNIFFED: Final = 10_000
"""Maximum number of files without a video suffix whose first bytes are read."""
_PRINTABLE: Final = "".join(chr(c) for c in range(32, 127) if chr(c) not in '%,"')


@dataclass(frozen=True, slots=True)
class Video:
    """Video file."""

    path: Path
    """Path below the folder, possibly through symlinks."""
    target: Path
    """Resolved path."""


class NameSample:
    """Count of entries, with the first names."""

    def __init__(self) -> None:
        self.count = 0
        self._names: list[str] = []

    def add(self, name: str) -> None:
        """Count an entry."""
        self.count += 1
        if len(self._names) < _MOST_NAMED:
            self._names.append(name)

    def __str__(self) -> str:
        return some_of(self._names, count=self.count)


class VideoScanner:
    """Videos below `root`, a resolved path; after the iteration there are warnings on other
    entries.

    If folders contain either files or folders, the order is that of ids.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._linked: set[str] = set()
        self._outward, self._nowhere, self._again, self._unread = (NameSample() for _ in range(4))
        self._sniffed, self._unfinished, self._unknown = (NameSample() for _ in range(3))
        self._num_sniffed = 0

    def __iter__(self) -> Iterator[Video]:
        waiting = [(str(self.root), str(self.root))]
        while waiting:
            folder, real = waiting.pop()
            subfolders: list[tuple[str, str]] = []
            for entry in self._entries(folder):
                target = os.path.join(real, entry.name)
                if entry.is_symlink():
                    followed = self._follow(entry, real)
                    if followed is None:
                        continue
                    target = followed
                if entry.is_dir():
                    if not _is_prepared(entry.path):
                        subfolders.append((entry.path, target))
                elif entry.is_file() and self._is_taken(entry.path):
                    path = Path(entry.path)
                    yield Video(path, path if target == entry.path else Path(target))
            waiting.extend(sorted(subfolders, key=lambda pair: f"{pair[0]}/", reverse=True))

    def warnings(self) -> Iterator[str]:
        """Return warnings about symlinks and folders that were not followed."""
        if self._outward.count:
            yield (
                f"{self._outward.count} links point outside {self.root} and are not followed, as "
                f"{self._outward}: give the folder that holds the videos, or copy or hard-link them"
            )
        if self._nowhere.count:
            yield f"{self._nowhere.count} links are broken, as {self._nowhere}"
        if self._again.count:
            yield (
                f"{self._again.count} links point to a folder that contains them or was already "
                f"scanned, and are not followed, as {self._again}"
            )
        if self._unread.count:
            yield f"warning: {self._unread.count} folders cannot be read, as {self._unread}"
        if self._sniffed.count:
            yield (
                f"{self._sniffed.count} files are videos without a video extension, and are used, "
                f"as {self._sniffed}"
            )
        if self._unfinished.count:
            yield (
                f"warning: {self._unfinished.count} unfinished downloads are left out, as "
                f"{self._unfinished}"
            )
        if self._unknown.count:
            yield (
                f"warning: {self._unknown.count} files without a video extension were not checked, "
                f"after {MOST_SNIFFED} of them, as {self._unknown}: rename them if they are videos"
            )

    def shows(self, target: Path) -> bool:
        """Return True if a file below the folder is a video that is found without a symlink."""
        parts = target.relative_to(self.root).parts
        return not any(part.startswith(".") for part in parts) and (
            _is_video(target.name) or (_is_unusual(target.name) and sniff(target))
        )

    def _is_taken(self, path: str) -> bool:
        """Return True for a video by its name, else by its first bytes, which is counted."""
        name = os.path.basename(path)
        if _is_video(name):
            return True
        if Path(name).suffix.lower() in UNFINISHED_SUFFIXES:
            self._unfinished.add(self._name(path))
            return False
        if not _is_unusual(name):
            return False
        if self._num_sniffed >= MOST_SNIFFED:
            self._unknown.add(self._name(path))
            return False
        self._num_sniffed += 1
        if not sniff(Path(path)):
            return False
        self._sniffed.add(self._name(path))
        return True

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                visible = (entry for entry in entries if not entry.name.startswith("."))
                return sorted(visible, key=lambda entry: entry.name)
        except OSError:
            self._unread.add(self._name(folder))
            return []

    def _follow(self, link: os.DirEntry[str], folder: str) -> str | None:
        """Return the target of a symlink in the real `folder`, if it is to be followed."""
        name = self._name(link.path)
        try:
            target = os.path.realpath(link.path, strict=True)
        except OSError:  # dangling or circular; it could have been a folder
            if _is_video(link.name) or not Path(link.name).suffix:
                self._nowhere.add(name)
            return None
        is_folder = os.path.isdir(target)
        is_video = _is_video(link.name) or (_is_unusual(link.name) and sniff(Path(target)))
        if not is_folder and not is_video:
            return None
        if not Path(target).is_relative_to(self.root):
            self._outward.add(name)
            return None
        if is_folder and (target in self._linked or Path(folder).is_relative_to(target)):
            self._again.add(name)
            return None
        if is_folder:
            self._linked.add(target)
        return target

    def _name(self, path: str) -> str:
        return identifier(Path(path).relative_to(self.root).as_posix())


def identifier(name: str) -> str:
    """Return the name with everything escaped that is not text or would break a line of a list."""
    try:
        name.encode()
        if name.isprintable():
            return name
    except UnicodeEncodeError:
        pass
    return quote_from_bytes(os.fsencode(name), safe=_PRINTABLE)


def _is_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def _is_unusual(name: str) -> bool:
    """Return True if the name neither marks a video nor another kind of file."""
    suffix = Path(name).suffix.lower()
    return suffix not in VIDEO_SUFFIXES | OTHER_SUFFIXES | UNFINISHED_SUFFIXES


def _is_prepared(folder: str) -> bool:
    """Return True for a dataset that `avme prep` made or is making."""
    return os.path.isdir(os.path.join(folder, SHARDS)) and any(
        os.path.isfile(os.path.join(folder, name)) for name in _MANIFESTS
    )
