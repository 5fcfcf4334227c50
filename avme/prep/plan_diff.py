"""What an earlier plan says of the clips that are there now, and of those that are not."""

from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avme.errors import ArtifactError
from avme.io.filenames import SHARDS
from avme.prep.plan_file import read_entries
from avme.shards.name_rules import require_clip_id, require_shard_name
from avme.shards.reader import ShardReader
from avme.sources.clip_table import Catalog

_SECTIONS = frozenset({"identity", "ffmpeg", "shards", "clips"})
_HEAD_TYPES = {"identity": dict, "call": dict, "ffmpeg": str, "classes": list}
NEW, KEPT, TOUCHED, CHANGED, UNSURE = range(5)
"""What an earlier plan says of a clip. Touched: only the file's time is another. Unsure: that, and
nothing tells what its shard was made from."""


@dataclass(frozen=True, slots=True)
class Changes:
    """How the source files differ from those of an earlier plan; nothing for a new one."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    touched: int = 0
    """Of another time; their bytes are those that shards were made from, where there are any."""
    unsure: int = 0
    """Of another time, and made anew, as nothing tells whether they are the same."""

    @property
    def total(self) -> int:
        """All that change what the set holds."""
        return self.added + self.removed + self.changed + self.unsure


@dataclass(slots=True)
class Earlier:
    """An earlier plan; with an empty head, there is none."""

    clips: Catalog
    said: NDArray[np.uint8]
    """New, kept, touched or changed: of every clip."""
    head: dict[str, Any] = field(default_factory=dict)
    shards: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Places of clips that are still there."""
    shrunk: set[str] = field(default_factory=set)
    """Shards of clips that are not."""
    num_removed: int = 0

    @property
    def source(self) -> str | None:
        """Where the videos were; None if there is no earlier plan."""
        return None if self.is_new else self.head["identity"].get("source")

    @property
    def is_new(self) -> bool:
        """Whether there is no earlier plan."""
        return not self.head

    def changes(self) -> Changes:
        """How the clips differ from it; nothing if there was none."""
        if self.is_new:
            return Changes()
        added, changed, touched, unsure = (
            int((self.said == what).sum()) for what in (NEW, CHANGED, TOUCHED, UNSURE)
        )
        return Changes(added, self.num_removed, changed, touched, unsure)

    def stale(self) -> frozenset[str]:
        """Shards of clips that were removed or changed."""
        changed = (name for name, at in self.shards.items() if (self.said[at] >= CHANGED).any())
        return frozenset((*self.shrunk, *changed))


def read_earlier(path: Path, clips: Catalog) -> Earlier:
    """What the plan at `path` says, if there is one; raises ArtifactError if it is damaged."""
    old = Earlier(clips, said=np.full(len(clips), NEW, dtype=np.uint8))
    if not path.is_file():
        return old
    try:
        _fill(old, path)
    except (ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path} is damaged, so nobody can tell which clips the shards beside it hold: restore "
            "it from a backup, or delete the folder or choose another with --out, and run again"
        ) from error
    return old


def _fill(old: Earlier, path: Path) -> None:
    clips, guess, sections = old.clips, 0, set()
    for section, name, value in read_entries(path):
        sections.add(section)
        if section == "shards" and name is not None:
            require_shard_name(name)
            places = array("q")
            for clip_id in value:
                place = clips.find(clip_id, guess)
                if place is None:
                    old.shrunk.add(name)
                else:
                    places.append(place)
                    guess = place + 1
            old.shards[name] = np.array(places, dtype=np.int64)
        elif section == "clips" and name is not None:
            place = clips.find(require_clip_id(name), guess)
            if place is None:
                old.num_removed += 1
            else:
                old.said[place] = _compared(value, _stamp(clips, place))
                guess = place + 1
        elif name is None and value is not None:
            old.head[section] = value
    held = np.zeros(len(clips), dtype=np.int64)
    for at in old.shards.values():
        np.add.at(held, at, 1)
    _require_types(old.head)
    _mark_renamed_classes(old, path)
    if not sections >= _SECTIONS or ((old.said != NEW) != held).any():
        raise ValueError("its shards and clips do not fit")


def _require_types(head: dict[str, Any]) -> None:
    """Raise TypeError where a section is not of the type that it is written with."""
    for section, kind in _HEAD_TYPES.items():
        if not isinstance(head.get(section, kind()), kind):
            raise TypeError(f"{section} is {type(head[section]).__name__}, not {kind.__name__}")
    source = head.get("identity", {}).get("source")
    if not all(isinstance(text, str) for text in (source or "", *head.get("classes", ()))):
        raise TypeError("source or classes are no text")


def _mark_renamed_classes(old: Earlier, path: Path) -> None:
    """A clip whose label stands for another class now is changed, though its stamp is the same."""
    before = old.head.get("classes")
    if before is None:
        _mark_by_shards(old, path.parent)
        return
    now = old.clips.class_names
    renamed = [label for label, name in enumerate(now) if name not in before[label : label + 1]]
    old.said[np.isin(old.clips.labels, renamed) & (old.said != NEW)] = CHANGED


def _mark_by_shards(old: Earlier, folder: Path) -> None:
    """The same where the plan does not note classes, as it once did not: records do."""
    for name in old.shards:
        if not (path := folder / SHARDS / name).is_file():
            continue
        reader = ShardReader(path)
        with suppress(ArtifactError):  # such a shard is made anew elsewhere
            for record in reader.records():
                place = old.clips.find(record.id)
                if place is None or old.said[place] == NEW:
                    continue
                if old.clips.class_name(place) != record.class_name:
                    old.said[place] = CHANGED
        reader.close()


def stamps(clips: Catalog) -> Iterator[tuple[str, list[Any]]]:
    """Ids, and what a plan says of each."""
    return ((clip_id, _stamp(clips, place)) for place, clip_id in enumerate(clips.ids))


def _stamp(clips: Catalog, place: int) -> list[Any]:
    """Bytes, mtime in ns, label, what a list says, or the group that a name tells."""
    columns = (clips.num_bytes, clips.mtime_ns, clips.labels)
    stamp: list[Any] = [int(column[place]) for column in columns]
    if clips.is_listed:
        stamp += [clips.class_name(place), clips.group(place)]
    elif group := clips.groups[place]:
        stamp.append(group)
    if span := clips.span(place):
        stamp += [span.start_seconds, span.end_seconds]
    return stamp


def _compared(before: list[Any], now: list[Any]) -> int:
    if before == now:
        return KEPT
    return TOUCHED if before[:1] + before[2:] == now[:1] + now[2:] else CHANGED
