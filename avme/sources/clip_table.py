"""Clip table: all clips of a source in columns, sorted by id, 0.1 kB per clip.

An object per clip would take 0.7 kB. Clips are added in any order, and become objects again one at
a time. An index is the position of a clip in the sorted table.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8
from numpy.typing import NDArray

from avme.errors import UsageError
from avme.media.span import Span
from avme.sources.string_array import StringArray

Subset = Literal["train", "val", "test"]
SUBSET_ALIASES: dict[str, Subset] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Accepted names of subsets, in lower case."""
_PARTS: Final[tuple[Subset | None, ...]] = (None, "train", "val", "test")


@dataclass(frozen=True, slots=True)
class SourceClip:
    """Video file, or a span of one, with the facts from its path or a list."""

    id: str
    path: Path
    class_name: str
    group: str
    """Clips of one group show one scene: a group is never split between train and test."""
    subset: Subset | None
    """Subset that the folder or the list names, if any."""
    num_bytes: int
    mtime_ns: int
    span: Span | None = None
    """Span of the file; None for the full file."""
    is_listed: bool = False
    """True if class and group come from a list, and so may change while the id stays."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipTable:
    """Clips in id order; indices refer to this order."""

    root: Path
    """Folder that paths are relative to."""
    ids: StringArray
    class_names: tuple[str, ...]
    """Sorted class names; a label is an index into them."""
    labels: Int32[np.ndarray, " n"]
    num_bytes: Int64[np.ndarray, " n"]
    mtime_ns: Int64[np.ndarray, " n"]
    subsets: UInt8[np.ndarray, " n"]
    """Indices into (None, train, val, test)."""
    is_listed: bool
    groups: StringArray
    """Group names; empty for a clip that is its own group."""
    spans: Float64[np.ndarray, "n 2"] | None
    """Start and end; infinite for the end of a file, NaN for full files. None if all files are
    full."""
    path_overrides: dict[int, str]
    """Paths that cannot be derived from the id, as for names that are not text."""

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> SourceClip:
        clip_id, span = self.ids[index], self.span(index)
        return SourceClip(
            id=clip_id,
            path=Path(self.path_overrides.get(index) or _path(self.root, clip_id, span)),
            class_name=self.class_name(index),
            group=self.group(index),
            subset=self.subset(index),
            num_bytes=int(self.num_bytes[index]),
            mtime_ns=int(self.mtime_ns[index]),
            span=span,
            is_listed=self.is_listed,
        )

    def __iter__(self) -> Iterator[SourceClip]:
        return (self[index] for index in range(len(self)))

    def class_name(self, index: int) -> str:
        """Return the class name of a clip."""
        return self.class_names[int(self.labels[index])]

    def group(self, index: int) -> str:
        """Return the group of a clip."""
        return self.groups[index] or self.ids[index]

    def subset(self, index: int) -> Subset | None:
        """Return the subset named for a clip."""
        return _PARTS[int(self.subsets[index])]

    def indices_of(self, part: Subset) -> NDArray[np.int64]:
        """Return the indices of the clips of a subset."""
        return np.flatnonzero(self.subsets == _PARTS.index(part))

    def span(self, index: int) -> Span | None:
        """Return the span of a clip."""
        if self.spans is None or np.isnan(start := float(self.spans[index, 0])):
            return None
        end = float(self.spans[index, 1])
        return Span(start, None if np.isinf(end) else end)

    def find(self, clip_id: str, guess: int = 0) -> int | None:
        """Return the index of a clip, checking `guess` first; None if it is not in the table."""
        wanted = clip_id.encode("utf-8", "surrogatepass")
        if guess < len(self) and self.ids.get_bytes(guess) == wanted:
            return guess
        index = bisect_left(range(len(self)), wanted, key=self.ids.get_bytes)
        return index if index < len(self) and self.ids.get_bytes(index) == wanted else None


@dataclass(frozen=True, slots=True, eq=False)
class Selection(Collection[SourceClip]):
    """Selection of clips from a table, in any order."""

    clips: ClipTable
    indices: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> SourceClip:
        return self.clips[int(self.indices[index])]

    def __iter__(self) -> Iterator[SourceClip]:
        return (self.clips[int(index)] for index in self.indices)

    def __contains__(self, clip: object) -> bool:
        return any(clip == one for one in self)

    def ids(self) -> Iterator[str]:
        """Return the clip ids."""
        return (self.clips.ids[int(index)] for index in self.indices)

    def num_bytes(self) -> int:
        """Return the size of the files; a file with several consecutive segments counts per
        segment."""
        if self.clips.spans is None:
            return int(self.clips.num_bytes[self.indices].sum())
        before, total = Path(), 0
        for clip in self:
            total += clip.num_bytes if clip.path != before else 0
            before = clip.path
        return total


class ClipTableBuilder:
    """Builder of a clip table."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ids, self._groups = StringArray(), StringArray()
        self._labels, self._parts = array("i"), array("B")
        self._num_bytes, self._mtime_ns, self._spans = array("q"), array("q"), array("d")
        self._classes: dict[str, int] = {}
        self._elsewhere: dict[int, str] = {}
        self._is_listed = False
        self._is_sorted = True

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, clip: SourceClip) -> None:
        """Add a clip."""
        index, clip_id = len(self), clip.id.encode()
        self._is_sorted = self._is_sorted and (
            not index or self._ids.get_bytes(index - 1) < clip_id
        )
        self._ids.append(clip_id)
        self._groups.append(b"" if clip.group == clip.id else clip.group.encode())
        self._labels.append(self._classes.setdefault(clip.class_name, len(self._classes)))
        self._parts.append(_PARTS.index(clip.subset))
        self._num_bytes.append(clip.num_bytes)
        self._mtime_ns.append(clip.mtime_ns)
        self._is_listed = clip.is_listed
        self._add_span(clip.span)
        if (path := str(clip.path)) != _path(self._root, clip.id, clip.span):
            self._elsewhere[index] = path

    def _add_span(self, span: Span | None) -> None:
        if span is None and not self._spans:
            return
        self._spans.extend([np.nan, np.nan] * (len(self) - 1 - len(self._spans) // 2))
        end = np.inf if span is None or span.end_seconds is None else span.end_seconds
        self._spans.extend((np.nan, np.nan) if span is None else (span.start_seconds, end))

    def build(self, *, first_only: bool = False) -> ClipTable:
        """Return the table; of several clips with one id the first is used, or UsageError is
        raised."""
        ids, groups, elsewhere = self._ids, self._groups, self._elsewhere
        at: slice | NDArray[np.int64] = slice(None)
        if not self._is_sorted:
            at = order = self._order(first_only)
            ids, groups = ids.take(order), groups.take(order)
            found = ((index, elsewhere.get(int(before))) for index, before in enumerate(order))
            elsewhere = {index: path for index, path in found if path}
        numbers = np.array(self._labels, dtype=np.int64)[at]
        there = set(np.unique(numbers).tolist())
        names = sorted(name for name, number in self._classes.items() if number in there)
        label = np.zeros(len(self._classes), dtype=np.int32)
        label[[self._classes[name] for name in names]] = np.arange(len(names))
        return ClipTable(
            root=self._root,
            ids=ids,
            class_names=tuple(names),
            labels=label[numbers],
            num_bytes=np.array(self._num_bytes, dtype=np.int64)[at],
            mtime_ns=np.array(self._mtime_ns, dtype=np.int64)[at],
            subsets=np.array(self._parts, dtype=np.uint8)[at],
            is_listed=self._is_listed,
            groups=groups,
            spans=np.array(self._spans).reshape(-1, 2)[at] if self._spans else None,
            path_overrides=elsewhere,
        )

    def _order(self, first_only: bool) -> NDArray[np.int64]:
        order: NDArray[np.int64] = self._ids.argsort()
        repeated: NDArray[np.bool_] = self._ids.repeated(order)
        if repeated.any() and not first_only:
            clip_id = self._ids[int(order[repeated][0])]
            raise UsageError(f"two files have the id {clip_id}: rename one of them")
        return order[~repeated]


def build_clip_table(clips: Iterable[SourceClip], root: Path = Path()) -> ClipTable:
    """Build a table of clips in any order; raises UsageError for a repeated id."""
    filling = ClipTableBuilder(root)
    for clip in clips:
        filling.add(clip)
    return filling.build()


def _path(root: Path, clip_id: str, span: Span | None) -> str:
    """Return the path of a clip whose id is its path below `root`, with its span."""
    return f"{root}/{clip_id.removesuffix(f'#{span}') if span else clip_id}"
