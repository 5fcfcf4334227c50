"""Reader and writer of `plan.json`, one entry at a time.

The file has 150 bytes per clip, and would take ten times as much memory. Any JSON with these
entries is read, in any order and indentation.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from io import TextIOBase
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any, Final, NamedTuple

from avme.io.atomic import replacing
from avme.io.escape import escape_json
from avme.io.strict_json import require_shallow
from avme.sources.clip_table import ClipTable

_IN_PARTS: Final = ("shards", "clips")
_SPACE: Final = " \t\n\r"
_PIECE: Final = 1 << 16
MOST_PLAN_BYTES: Final = 1 << 32
"""Limit for files that are read as a whole; 4 GiB are about 25 million clips."""


class Entry(NamedTuple):
    """Value of the plan."""

    section: str
    name: str | None
    """Shard or clip in `shards` and `clips`; None elsewhere, and at their end."""
    value: Any


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield all sections but `shards` and `clips`, and each member of these two.

    Raises ValueError for other JSON.
    """
    with path.open(encoding="utf-8") as file:
        text = _Text(file)
        for section in text.members():
            if section in _IN_PARTS:
                yield from (Entry(section, name, text.value()) for name in text.members())
                yield Entry(section, None, None)
            else:
                yield Entry(section, None, text.value())
        text.require_end()


def write_plan(
    path: Path,
    head: Mapping[str, Any],
    shards: Iterable[tuple[str, Iterable[str]]],
    clips: Iterable[tuple[str, list[Any]]],
) -> None:
    """Write the bytes that `write_json` would write, one entry at a time.

    Args:
        path: Plan to write.
        head: Sections before `shards` and `clips`.
        shards: Name of each shard, and the ids of its clips.
        clips: Id of each clip, and its facts.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write("{")
        for name, value in head.items():
            file.write(f"\n  {_json(name)}: {_json(value, indent=1)},")
        file.write('\n  "shards": {')
        _write_members(file, ((name, _lines(ids)) for name, ids in shards))
        file.write('},\n  "clips": {')
        _write_members(file, ((name, _lines(stamp)) for name, stamp in clips))
        file.write("}\n}\n")


def source_stamps(clips: ClipTable) -> Iterator[tuple[str, list[Any]]]:
    """Yield clip ids with their entries in the plan."""
    return ((clip_id, source_stamp(clips, index)) for index, clip_id in enumerate(clips.ids))


def source_stamp(clips: ClipTable, index: int) -> list[Any]:
    """Return bytes, mtime in ns, label, and the list's or the name's group."""
    columns = (clips.num_bytes, clips.mtime_ns, clips.labels)
    stamp: list[Any] = [int(column[index]) for column in columns]
    if clips.is_listed:
        stamp += [clips.class_name(index), clips.group(index)]
    elif group := clips.groups[index]:
        stamp.append(group)
    if span := clips.span(index):
        stamp += [span.start_seconds, span.end_seconds]
    return stamp


def _write_members(file: TextIOBase, members: Iterable[tuple[str, str]]) -> None:
    between, end = "", ""
    for name, text in members:
        file.write(f"{between}\n    {_json(name)}: {text}")
        between, end = ",", "\n  "
    file.write(end)


def _lines(values: Iterable[Any]) -> str:
    """Format a list of plain values, one per line, as a member of a member."""
    return "[\n      " + ",\n      ".join(map(_json, values)) + "\n    ]"


def _json(value: Any, indent: int = 0) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2 if indent else None)
    return escape_json(text).replace("\n", "\n" + indent * "  ")


class _Text:
    """Incremental JSON reader; raises ValueError for invalid JSON."""

    def __init__(self, file: TextIOBase) -> None:
        self._file = file
        self._decoder = JSONDecoder()
        self._here, self._at = "", 0

    def members(self) -> Iterator[str]:
        """Yield the names in an object; the caller reads the value after each."""
        self._take("{")
        if self._peek() == "}":
            self._take("}")
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise ValueError(f"found the name {name!r}, expected text")
            self._take(":")
            yield name
            if self._peek() == "}":
                self._take("}")
                return
            self._take(",")

    def value(self) -> Any:
        """Parse the next value."""
        self._peek()
        num_more = _PIECE
        while True:
            try:
                value, end = self._decoder.raw_decode(self._here, self._at)
                require_shallow(value)
                if end < len(self._here):  # a number may continue
                    self._at = end
                    return value
            except RecursionError:
                raise ValueError("nested too deep") from None
            except JSONDecodeError:
                if not self._more(num_more):
                    raise
            else:
                if not self._more(num_more):
                    self._at = end
                    return value
            num_more *= 2  # keeps the time for a long value linear

    def require_end(self) -> None:
        """Raise ValueError if anything but whitespace follows."""
        if found := self._peek():
            raise ValueError(f"found {found!r} after the end")

    def _take(self, wanted: str) -> None:
        if (found := self._peek()) != wanted:
            raise ValueError(f"found {found!r}, expected {wanted!r}")
        self._at += 1

    def _peek(self) -> str:
        """Return the next character that is not whitespace; empty at the end."""
        while True:
            while self._at < len(self._here):
                if self._here[self._at] not in _SPACE:
                    return self._here[self._at]
                self._at += 1
            if not self._more(_PIECE):
                return ""

    def _more(self, num_characters: int) -> bool:
        piece = self._file.read(num_characters)
        self._here, self._at = self._here[self._at :] + piece, 0
        return bool(piece)
