"""What `prep` is going to do, written down before it does it: which clip goes into which shard.

A plan is drafted, which writes nothing, and then put down. A shard exists exactly if it is complete
and matches the plan that was put down: when source files change, the shards that they touch are
deleted before the new plan is written, so that this holds after any kill.
The plan knows nothing of workers: any number of them makes the same shards.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.artifacts import DATASET_MANIFEST, read_json, write_json
from avme.config.prep import PrepConfig
from avme.data.discover import Layout, SourceClip
from avme.data.prepared import SHARDS
from avme.data.shard import SHARD_SCHEMA
from avme.errors import ArtifactError, MismatchError

PLAN = "plan.json"
_SETTINGS = "settings."
_LARGEST_SHARD = 128
_SHARDS_OF_A_SMALL_SET = 16

_Stamp = tuple[int | float | str | None, ...]
"""Bytes, mtime in ns, label, and what a list says: unchanged, or the clip's shard is made anew."""


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
    classes: tuple[str, ...]
    shards: dict[str, tuple[SourceClip, ...]]
    ffmpeg_version: str
    """What decoded the first clips; another version may differ in some bits."""
    changes: Changes

    @property
    def num_clips(self) -> int:
        """Clips in all shards."""
        return sum(len(clips) for clips in self.shards.values())

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
    stamps: dict[str, _Stamp]

    def put_down(self) -> Plan:
        """Deletes what is stale and writes `plan.json`, if it would say anything new."""
        if not self.differs:
            return self.plan
        if self.plan.changes.total:
            # The manifest goes first: a set whose shards are being replaced is unfinished.
            (self.plan.folder / DATASET_MANIFEST).unlink(missing_ok=True)
        for name in self.stale:
            self.plan.shard_path(name).unlink(missing_ok=True)
        shards = {name: [clip.id for clip in clips] for name, clips in self.plan.shards.items()}
        clips = {clip_id: list(stamp) for clip_id, stamp in self.stamps.items()}
        write_json(self.plan.folder / PLAN, {**self.head, "shards": shards, "clips": clips})
        return self.plan


def draft_plan(
    clips: Sequence[SourceClip],
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
    classes = tuple(sorted({clip.class_name for clip in clips}))
    identity = {
        "schema": SHARD_SCHEMA,
        "source": str(source.resolve()),
        "layout": layout,
        **{f"{_SETTINGS}{key}": value for key, value in config.content().items()},
    }
    path = folder / PLAN
    old = _read(path) if path.is_file() else {"shards": {}, "clips": {}}
    if "identity" in old:
        _require_same(old["identity"], identity, folder)
        ffmpeg_version = old["ffmpeg"]
    stamps = _stamps(clips, classes)
    before = _stamps_of(old)
    shards = _assign(clips, before, old["shards"], config.shard_clips)
    call = {
        **(beside or {}),
        "max_bad": config.max_bad,
        "timeout_seconds": config.timeout_seconds,
    }
    return Draft(
        plan=Plan(folder, classes, shards, ffmpeg_version, _changes(stamps, before)),
        is_new="identity" not in old,
        stale=frozenset(
            name
            for name, ids in old["shards"].items()
            if any(stamps.get(clip_id) != before[clip_id] for clip_id in ids)
        ),
        added=frozenset(shards.keys() - old["shards"].keys()),
        differs=before != stamps or old.get("call") != call,
        head={"identity": identity, "call": call, "ffmpeg": ffmpeg_version},
        stamps=stamps,
    )


def clips_per_shard(num_clips: int, wanted: int | None) -> int:
    """128, or fewer for a small set so that all cores have work; the same for any machine."""
    if wanted is not None:
        return wanted
    return min(_LARGEST_SHARD, max(1, math.ceil(num_clips / _SHARDS_OF_A_SMALL_SET)))


def _assign(
    clips: Sequence[SourceClip],
    before: dict[str, _Stamp],
    old_shards: dict[str, list[str]],
    wanted: int | None,
) -> dict[str, tuple[SourceClip, ...]]:
    """Known clips stay in their shards; new ones fill new shards at the end."""
    by_id = {clip.id: clip for clip in clips}
    shards: dict[str, tuple[SourceClip, ...]] = {}
    for name, ids in old_shards.items():
        staying = tuple(by_id[i] for i in ids if i in by_id)
        if staying:
            shards[name] = staying
    added = [clip for clip in clips if clip.id not in before]
    size = clips_per_shard(len(clips), wanted)
    number = 1 + max((_number(name) for name in old_shards), default=-1)
    for begin in range(0, len(added), size):
        shards[f"shard-{number:05d}.h5"] = tuple(added[begin : begin + size])
        number += 1
    return shards


def _changes(stamps: dict[str, _Stamp], before: dict[str, _Stamp]) -> Changes:
    if not before:
        return Changes()
    return Changes(
        added=len(stamps.keys() - before.keys()),
        removed=len(before.keys() - stamps.keys()),
        changed=sum(before.get(clip_id, stamp) != stamp for clip_id, stamp in stamps.items()),
    )


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


def _read(path: Path) -> dict[str, Any]:
    with suppress(ArtifactError):
        plan = read_json(path)
        if plan.keys() >= {"identity", "ffmpeg", "shards", "clips"}:
            return plan
    raise ArtifactError(
        f"{path} is damaged, so nobody can tell which clips the shards beside it hold: restore it "
        "from a backup, or delete the folder or choose another with --out, and run again"
    )


def _stamps(clips: Sequence[SourceClip], classes: tuple[str, ...]) -> dict[str, _Stamp]:
    labels = {name: label for label, name in enumerate(classes)}
    return {clip.id: _stamp(clip, labels[clip.class_name]) for clip in clips}


def _stamp(clip: SourceClip, label: int) -> _Stamp:
    stamp: _Stamp = (clip.num_bytes, clip.mtime_ns, label)
    if clip.is_listed:
        stamp += (clip.class_name, clip.group)
    if clip.span:
        stamp += (clip.span.start_seconds, clip.span.end_seconds)
    return stamp


def _stamps_of(old: dict[str, Any]) -> dict[str, _Stamp]:
    return {clip_id: tuple(stamp) for clip_id, stamp in old["clips"].items()}


def _number(name: str) -> int:
    return int(name.removeprefix("shard-").removesuffix(".h5"))
