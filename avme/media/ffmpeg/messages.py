"""Error messages of ffmpeg, reduced to what depends on the file alone.

Addresses, folders and the order in which threads write vary between runs. The result is a function
of the set of lines: of every component of ffmpeg that wrote (`h264`, `aac`, `out#0/nut`) the first
line, components in alphabetical order; of the program itself, whose thread is the only one that
writes without a name, the first line and the last.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_MAX_PARTS: Final = 64
_MAX_LINE: Final = 1024
"""Maximum length of a line, ffmpeg's own limit."""
_MAX_SHOWN: Final = 3
_PREFIX: Final = re.compile(r"\[([^\]@]*) @ (?:0x)?[0-9a-fA-F]+\] ?")
_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]{9,16}\b")
"""Longer than any tag or flag of 32 bits."""
_REPEATED: Final = re.compile(r"\s*Last message repeated \d+ times")
_OF_THREADS: Final = re.compile(
    r"Task finished with error code|Terminating thread with return code|Conversion failed!"
)
"""Messages of threads that end after one of them failed: their order varies."""
_CONTROL: Final = re.compile(r"[\x00-\x07\x0e-\x1f]")


class Messages:
    """Collected lines of one process; lines that match `always` are never dropped."""

    def __init__(self, always: re.Pattern[str]) -> None:
        self._always = always
        self._parts: dict[str, list[str]] = {}
        self._marked: list[str] = []
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the stream."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._add(line.decode(errors="replace"))
        self._rest = rest[: 4 * _MAX_LINE]

    def lines(self) -> list[str]:
        """Return the collected lines, the first ones of every component, without addresses."""
        if self._rest:
            self._add(self._rest.decode(errors="replace"))
            self._rest = b""
        kept = [line for part in sorted(self._parts) for line in self._parts[part]]
        return list(dict.fromkeys([*kept, *self._marked]))

    def _add(self, line: str) -> None:
        line = line.strip()[:_MAX_LINE]
        if not line or _REPEATED.fullmatch(line):
            return
        prefix = _PREFIX.match(line)
        part = prefix[1] if prefix else ""
        line = without_addresses(_PREFIX.sub(r"[\1] ", line)).strip()
        if self._always.search(line) and line not in self._marked[:_MAX_PARTS]:
            self._marked = [*self._marked, line][:_MAX_PARTS]
        if _OF_THREADS.search(line) or (part not in self._parts and self._is_full(part)):
            return
        known = self._parts.setdefault(part, [])
        if not known:
            known.append(line)
        elif not part and line != known[0]:
            known[1:] = [line]

    def _is_full(self, part: str) -> bool:
        """Make room for a component that sorts before the last one; True if there is none."""
        if len(self._parts) < _MAX_PARTS:
            return False
        last = max(self._parts)
        if part > last:
            return True
        del self._parts[last]
        return False


def summary(lines: Iterable[str]) -> str:
    """Return the first few of `lines` on one line."""
    return " | ".join(list(lines)[:_MAX_SHOWN])


def without_folders(text: str, *folders: Path) -> str:
    """Remove `folders` in front of any name, in every spelling.

    The longest goes first, as one may be below another. ffmpeg writes `?` for control characters,
    and invalid UTF-8 is replaced when its messages are decoded.
    """
    spelt = {
        form
        for folder in folders
        for path in {folder, folder.absolute(), Path(os.path.realpath(folder))}
        for name in [str(path)]
        for form in (name, _decoded(name), _CONTROL.sub("?", _decoded(name)))
        if form not in ("", ".", "/")
    }
    for folder in sorted(spelt, key=lambda form: (-len(form), form)):
        text = text.replace(f"file:{folder}/", "").replace(f"{folder}/", "")
    return text


def without_addresses(text: str) -> str:
    """Mask memory addresses."""
    return _ADDRESS.sub("0x...", text)


def _decoded(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")
