"""Comparison of the current clips with the previous plan."""

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
_REQUIRED = frozenset({"identity", "ffmpeg"})
_HEAD_TYPES = {"identity": dict, "call": dict, "ffmpeg": str, "classes": list}
NEW, KEPT, TOUCHED, CHANGED, UNSURE = range(5)
"""Change of a clip since the previous plan. Touched: only the mtime differs. Unsure: the mtime
differs, and the hash in its shard is unknown."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Differences of the source files from the previous plan; empty for a new plan."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    touched: int = 0
    """Clips with a new mtime but the same bytes as in their shard, if it exists."""
    unsure: int = 0
    """Clips with a new mtime that are prepared again, as their previous hash is unknown."""

    @property
    def total(self) -> int:
        """Number of changes that affect the dataset's content."""
        return self.added + self.removed + self.changed + self.unsure


@dataclass(slots=True)
class Earlier:
    """Previous plan; with an empty head there is none."""

    clips: Catalog
    said: NDArray[np.uint8]
    """Change of every clip."""
    head: dict[str, Any] = field(default_factory=dict)
    shards: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Indices of clips that still exist, by shard."""
    shrunk: set[str] = field(default_factory=set)
    """Shards with clips that no longer exist."""
    num_removed: int = 0

    @property
    def source(self) -> str | None:
        """Return the previous folder of the videos; None without a previous plan."""
        return None if self.is_new else self.head["identity"].get("source")

    @property
    def is_new(self) -> bool:
        """True without a previous plan."""
        return not self.head

    def changes(self) -> Changes:
        """Return the differences of the clips; empty without a previous plan."""
        if self.is_new:
            return Changes()
        added, changed, touched, unsure = (
            int((self.said == what).sum()) for what in (NEW, CHANGED, TOUCHED, UNSURE)
        )
        return Changes(added, self.num_removed, changed, touched, unsure)

    def stale(self) -> frozenset[str]:
        """Return the shards of clips that were removed or changed."""
        changed = (name for name, at in self.shards.items() if (self.said[at] >= CHANGED).any())
        return frozenset((*self.shrunk, *changed))


def read_earlier(path: Path, clips: Catalog) -> Earlier:
    """Read the plan at `path`, if it exists; raises ArtifactError if it is damaged."""
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
    """Raise TypeError if a section has an unexpected type, ValueError if a required one is null."""
    if null := _REQUIRED - head.keys():
        raise ValueError(f"{', '.join(sorted(null))} have no value")
    for section, kind in _HEAD_TYPES.items():
        if not isinstance(head.get(section, kind()), kind):
            raise TypeError(f"{section} is {type(head[section]).__name__}, not {kind.__name__}")
    source = head.get("identity", {}).get("source")
    if not all(isinstance(text, str) for text in (source or "", *head.get("classes", ()))):
        raise TypeError("source or classes are no text")


def _mark_renamed_classes(old: Earlier, path: Path) -> None:
    """Mark clips whose label now means another class as changed."""
    before = old.head.get("classes")
    if before is None:
        _mark_by_shards(old, path.parent)
        return
    now = old.clips.class_names
    renamed = [label for label, name in enumerate(now) if name not in before[label : label + 1]]
    old.said[np.isin(old.clips.labels, renamed) & (old.said != NEW)] = CHANGED


def _mark_by_shards(old: Earlier, folder: Path) -> None:
    """Do the same by the shards' records, for plans without class names."""
    for name in old.shards:
        if not (path := folder / SHARDS / name).is_file():
            continue
        reader = ShardReader(path)
        with suppress(ArtifactError):  # such a shard is rebuilt elsewhere
            for record in reader.records():
                place = old.clips.find(record.id)
                if place is None or old.said[place] == NEW:
                    continue
                if old.clips.class_name(place) != record.class_name:
                    old.said[place] = CHANGED
        reader.close()


def stamps(clips: Catalog) -> Iterator[tuple[str, list[Any]]]:
    """Yield clip ids with their entries in the plan."""
    return ((clip_id, _stamp(clips, place)) for place, clip_id in enumerate(clips.ids))


def _stamp(clips: Catalog, place: int) -> list[Any]:
    """Return bytes, mtime in ns, label, and the list's or the name's group."""
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
