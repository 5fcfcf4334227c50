"""What `prep` is going to do, written down before it does it: which clip goes into which shard.

A plan is drafted, which writes nothing, and then put down. A shard exists exactly if it is complete
and matches the plan that was put down: when source files change, the shards that they touch are
deleted before the new plan is written, so that this holds after any kill.
The plan knows nothing of workers: any number of them makes the same shards.
"""

import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avme.artifacts import DATASET_MANIFEST
from avme.config.prep import PrepConfig
from avme.data.catalog import Catalog, Selection
from avme.data.discover import Layout
from avme.data.plan_file import read_entries, write_plan
from avme.data.prepared import SHARDS
from avme.data.shard import SHARD_SCHEMA
from avme.errors import ArtifactError, MismatchError

PLAN = "plan.json"
_SETTINGS = "settings."
_LARGEST_SHARD = 128
_SHARDS_OF_A_SMALL_SET = 16

_SECTIONS = frozenset({"identity", "ffmpeg", "shards", "clips"})
_NEW, _KEPT, _CHANGED = range(3)
"""What an earlier plan says of a clip."""


@dataclass(frozen=True, slots=True)
class Changes:
    """How the source files differ from those of an earlier plan; nothing for a new one."""

    added: int = 0
    removed: int = 0
    changed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.added + self.removed + self.changed


@dataclass(frozen=True, slots=True)
class Plan:
    """The assignment of clips to shards."""

    folder: Path
    clips: Catalog
    shards: dict[str, Selection]
    ffmpeg_version: str
    """What decoded the first clips; another version may differ in some bits."""
    changes: Changes

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is a position in them."""
        return self.clips.class_names

    @property
    def num_clips(self) -> int:
        """Clips in all shards."""
        return len(self.clips)

    def shard_path(self, name: str) -> Path:
        """Where a shard lies or will lie."""
        return self.folder / SHARDS / name

    def missing(self) -> tuple[str, ...]:
        """Shards that are still to be made."""
        return tuple(name for name in self.shards if not self.shard_path(name).is_file())


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan, and what putting it down would change."""

    plan: Plan
    is_new: bool
    """Whether there was no plan before."""
    stale: frozenset[str]
    """Shards, if they are there, of clips that were removed or changed since."""
    added: frozenset[str]
    """Shards that no plan had before."""
    differs: bool
    """Whether the plan that is there says anything else."""
    head: dict[str, Any]
    """What `plan.json` says beside clips and shards."""

    def put_down(self) -> Plan:
        """Deletes what is stale and writes `plan.json`, if it would say anything new."""
        if not self.differs:
            return self.plan
        if self.plan.changes.total:
            # The manifest goes first: a set whose shards are being replaced is unfinished.
            (self.plan.folder / DATASET_MANIFEST).unlink(missing_ok=True)
        for name in self.stale:
            self.plan.shard_path(name).unlink(missing_ok=True)
        shards = ((name, clips.ids()) for name, clips in self.plan.shards.items())
        write_plan(self.plan.folder / PLAN, self.head, shards, _stamps(self.plan.clips))
        return self.plan


def draft_plan(
    clips: Catalog,
    *,
    folder: Path,
    source: Path,
    layout: Layout,
    config: PrepConfig,
    ffmpeg_version: str,
    beside: Mapping[str, Any] | None = None,
) -> Draft:
    """Plans the set in `folder`, or goes on with the plan that is there; writes nothing.

    `beside` is what the command was told besides (lists, annotations, root): noted, so that it can
    be said again.

    Raises MismatchError if the plan that is there is for other settings or another source, and
    ArtifactError if it is damaged.
    """
    identity = {
        "schema": SHARD_SCHEMA,
        "source": str(source.resolve()),
        "layout": layout,
        **{f"{_SETTINGS}{key}": value for key, value in config.content().items()},
    }
    call = {
        **(beside or {}),
        "max_bad": config.max_bad,
        "timeout_seconds": config.timeout_seconds,
    }
    old = _read(folder / PLAN, clips)
    if not old.is_new:
        _require_same(old.head["identity"], identity, folder)
    decoder = old.head.get("ffmpeg", ffmpeg_version)
    changes = old.changes()
    shards = _assign(clips, old, config.shard_clips)
    return Draft(
        plan=Plan(folder, clips, shards, decoder, changes),
        is_new=old.is_new,
        stale=old.stale(),
        added=frozenset(shards.keys() - old.shards.keys()),
        differs=old.is_new or changes.total > 0 or old.head.get("call") != call,
        head={"identity": identity, "call": call, "ffmpeg": decoder},
    )


def clips_per_shard(num_clips: int, wanted: int | None) -> int:
    """128, or fewer for a small set so that all cores have work; the same for any machine."""
    if wanted is not None:
        return wanted
    return min(_LARGEST_SHARD, max(1, math.ceil(num_clips / _SHARDS_OF_A_SMALL_SET)))


@dataclass(slots=True)
class _Old:
    """What an earlier plan says of the clips that are there now."""

    clips: Catalog
    said: NDArray[np.uint8]
    """New, kept or changed: of every clip."""
    head: dict[str, Any] = field(default_factory=dict)
    shards: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    """Places of clips that are still there."""
    shrunk: set[str] = field(default_factory=set)
    """Shards of clips that are not."""
    num_removed: int = 0

    @property
    def is_new(self) -> bool:
        """Whether there is no earlier plan."""
        return not self.head

    def changes(self) -> Changes:
        """How the clips differ from it; nothing if there was none."""
        if self.is_new:
            return Changes()
        added, changed = (int((self.said == what).sum()) for what in (_NEW, _CHANGED))
        return Changes(added=added, removed=self.num_removed, changed=changed)

    def stale(self) -> frozenset[str]:
        """Shards of clips that were removed or changed."""
        changed = (name for name, at in self.shards.items() if (self.said[at] == _CHANGED).any())
        return frozenset((*self.shrunk, *changed))


def _assign(clips: Catalog, old: _Old, wanted: int | None) -> dict[str, Selection]:
    """Known clips stay in their shards; new ones fill new shards at the end."""
    shards = {name: Selection(clips, at) for name, at in old.shards.items() if len(at)}
    added = np.flatnonzero(old.said == _NEW)
    size = clips_per_shard(len(clips), wanted)
    number = 1 + max((_number(name) for name in old.shards), default=-1)
    for begin in range(0, len(added), size):
        shards[f"shard-{number:05d}.h5"] = Selection(clips, added[begin : begin + size])
        number += 1
    return shards


def _read(path: Path, clips: Catalog) -> _Old:
    """Raises ArtifactError if the plan is damaged."""
    old = _Old(clips, said=np.full(len(clips), _NEW, dtype=np.uint8))
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


def _fill(old: _Old, path: Path) -> None:
    clips, guess, sections = old.clips, 0, set()
    for section, name, value in read_entries(path):
        sections.add(section)
        if section == "shards" and name is not None:
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
            place = clips.find(name, guess)
            if place is None:
                old.num_removed += 1
            else:
                old.said[place] = _KEPT if value == _stamp(clips, place) else _CHANGED
                guess = place + 1
        elif name is None and value is not None:
            old.head[section] = value
    held = np.zeros(len(clips), dtype=np.int64)
    for at in old.shards.values():
        np.add.at(held, at, 1)
    if not sections >= _SECTIONS or ((old.said != _NEW) != held).any():
        raise ValueError("its shards and clips do not fit")


def _require_same(old: dict[str, Any], new: dict[str, Any], folder: Path) -> None:
    usual = PrepConfig().content()  # of settings that are younger than the set
    before = {f"{_SETTINGS}{key}": value for key, value in usual.items()} | old
    differing = [
        f"{key} is {before.get(key)!r} there, {new.get(key)!r} now"
        for key in dict.fromkeys([*before, *new])
        if before.get(key) != new.get(key)
    ]
    if differing:
        raise MismatchError(
            f"{folder} was prepared otherwise: {'; '.join(differing)}: choose another folder with "
            "--out or --name, or delete this one"
        )


def _stamps(clips: Catalog) -> Iterator[tuple[str, list[Any]]]:
    return ((clip_id, _stamp(clips, place)) for place, clip_id in enumerate(clips.ids))


def _stamp(clips: Catalog, place: int) -> list[Any]:
    """Bytes, mtime in ns, label, what a list says: unchanged, or the clip's shard is made anew."""
    columns = (clips.num_bytes, clips.mtime_ns, clips.labels)
    stamp: list[Any] = [int(column[place]) for column in columns]
    if clips.is_listed:
        stamp += [clips.class_name(place), clips.group(place)]
    if span := clips.span(place):
        stamp += [span.start_seconds, span.end_seconds]
    return stamp


def _number(name: str) -> int:
    return int(name.removeprefix("shard-").removesuffix(".h5"))
