"""Plan of a dataset: the assignment of clips to shards, written before any shard is built.

A plan is drafted, which writes nothing, and then written. A shard exists if and only if it is
complete and matches the written plan: when source files change, their shards are deleted before the
new plan is written, so that this holds after any kill. A file with only a new mtime changes no
shard that was made from the same bytes.

The plan is independent of workers: any number of them builds the same shards.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avme.config.prep import PrepConfig
from avme.errors import MismatchError
from avme.io.filenames import DATASET_MANIFEST, PLAN, SHARDS
from avme.prep.changed_files import compare_touched
from avme.prep.plan_diff import NEW, Changes, Earlier, read_earlier, stamps
from avme.prep.plan_file import write_plan
from avme.progress import Quiet, Reporter
from avme.shards.name_rules import shard_name, shard_number
from avme.shards.writer import SHARD_SCHEMA
from avme.sources.clip_table import Catalog, Selection
from avme.sources.folder import Layout

_SETTINGS = "settings."
_SOURCE = "source"
_LARGEST_SHARD = 128
_SHARDS_OF_A_SMALL_SET = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """Assignment of clips to shards."""

    folder: Path
    clips: Catalog
    shards: dict[str, Selection]
    ffmpeg_version: str
    """ffmpeg version of the first clips; another version may differ in some bits."""
    changes: Changes

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""
        return self.clips.class_names

    @property
    def num_clips(self) -> int:
        """Number of clips in all shards."""
        return len(self.clips)

    def shard_path(self, name: str) -> Path:
        """Return the path of a shard, existing or not."""
        return self.folder / SHARDS / name

    def missing(self) -> tuple[str, ...]:
        """Return the shards that do not exist yet."""
        return tuple(name for name in self.shards if not self.shard_path(name).is_file())


@dataclass(frozen=True, slots=True)
class Draft:
    """Plan with the changes that writing it would make."""

    plan: Plan
    is_new: bool
    """True if there was no plan before."""
    stale: frozenset[str]
    """Shards, if they exist, of clips that were removed or changed."""
    added: frozenset[str]
    """Shards that are new in this plan."""
    before: dict[str, Any]
    """Previous head of `plan.json`, without clips and shards; empty without a plan."""
    head: dict[str, Any]
    """New head of `plan.json`."""

    @property
    def moved_from(self) -> str | None:
        """Return the previous folder of the videos, if it changed."""
        before = self.before.get("identity", {}).get(_SOURCE)
        return None if before == self.head["identity"][_SOURCE] else before

    def put_down(self, *, is_finished: bool = False) -> Plan:
        """Delete stale shards and write `plan.json` if it changed.

        A finished dataset keeps the limits it was built with, as nothing is built with new ones.
        """
        changes, head = self.plan.changes, self.head
        if is_finished:
            noted = self.before.get("call", {})
            limits = {name: noted.get(name, usual) for name, usual in PrepConfig().limits().items()}
            head = {**head, "call": {**head["call"], **limits}}
        if not (changes.total or changes.touched or head != self.before):
            return self.plan
        if changes.total:
            # Manifest first: a dataset whose shards are being replaced is unfinished.
            (self.plan.folder / DATASET_MANIFEST).unlink(missing_ok=True)
        for name in self.stale:
            self.plan.shard_path(name).unlink(missing_ok=True)
        shards = ((name, clips.ids()) for name, clips in self.plan.shards.items())
        write_plan(self.plan.folder / PLAN, head, shards, stamps(self.plan.clips))
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
    report: Reporter | None = None,
) -> Draft:
    """Plan the dataset in `folder`, or extend its existing plan; writes nothing.

    Args:
        clips: Clips of the source.
        folder: Prepared dataset.
        source: Folder or table of the videos.
        layout: Layout of the source.
        config: Settings of prep.
        ffmpeg_version: Version of ffmpeg.
        beside: Further arguments (lists, annotations, root), recorded to reproduce the command.
        report: Receives progress of hashing.

    Raises:
        MismatchError: The existing plan is for other settings, or for another source with other
            files.
        ArtifactError: The existing plan is damaged.
    """
    identity = {
        "schema": SHARD_SCHEMA,
        _SOURCE: str(source.resolve()),
        "layout": layout,
        **{f"{_SETTINGS}{key}": value for key, value in config.content().items()},
    }
    call = {**(beside or {}), **config.limits()}
    old = read_earlier(folder / PLAN, clips)
    if not old.is_new:
        report, now = report or Quiet(), str(identity[_SOURCE])
        _require_same(old.head["identity"], identity, folder)
        _require_same_files(old, now, folder)
        compare_touched(old, folder, config.timeout_seconds, report)
        _require_same_files(old, now, folder)
        if old.source != now:
            report.say(f"the videos of {old.source} are now in {now}, the same ones")
    decoder = old.head.get("ffmpeg", ffmpeg_version)
    changes = old.changes()
    shards = _assign(clips, old, config.shard_clips)
    return Draft(
        plan=Plan(folder, clips, shards, decoder, changes),
        is_new=old.is_new,
        stale=old.stale(),
        added=frozenset(shards.keys() - old.shards.keys()),
        before=old.head,
        head={
            "identity": identity,
            "call": call,
            "ffmpeg": decoder,
            "classes": list(clips.class_names),
        },
    )


def clips_per_shard(num_clips: int, wanted: int | None) -> int:
    """Return 128, or fewer for a small dataset so that all cores have work."""
    if wanted is not None:
        return wanted
    return min(_LARGEST_SHARD, max(1, math.ceil(num_clips / _SHARDS_OF_A_SMALL_SET)))


def _assign(clips: Catalog, old: Earlier, wanted: int | None) -> dict[str, Selection]:
    """Assign clips to shards: known clips stay, new ones fill new shards at the end."""
    shards = {name: Selection(clips, at) for name, at in old.shards.items() if len(at)}
    added = np.flatnonzero(old.said == NEW)
    size = clips_per_shard(len(clips), wanted)
    number = 1 + max((shard_number(name) for name in old.shards), default=-1)
    for begin in range(0, len(added), size):
        shards[shard_name(number)] = Selection(clips, added[begin : begin + size])
        number += 1
    return shards


def _require_same(old: dict[str, Any], new: dict[str, Any], folder: Path) -> None:
    usual = PrepConfig().content()  # for settings that are newer than the dataset
    before = {f"{_SETTINGS}{key}": value for key, value in usual.items()} | old
    differing = [
        f"{key.removeprefix(_SETTINGS)} is {_shown(before, key)} there, {_shown(new, key)} now"
        for key in dict.fromkeys([*before, *new])
        if key != _SOURCE and before.get(key) != new.get(key)
    ]
    if differing:
        raise MismatchError(
            f"{folder} was prepared otherwise: {'; '.join(differing)}: choose another folder with "
            "--out or --name, or delete this one"
        )


def _shown(identity: dict[str, Any], key: str) -> str:
    value = identity.get(key)
    return "none" if value is None else repr(value)


def _require_same_files(old: Earlier, source: str, folder: Path) -> None:
    """Check the source: videos may have moved, but must be the same."""
    changes = old.changes()
    if old.source != source and changes.added + changes.removed + changes.changed:
        raise MismatchError(
            f"{folder} was prepared otherwise: source is {old.source!r} there, {source!r} now, and "
            f"its files are others ({changes.added} more, {changes.removed} missing, "
            f"{changes.changed} different): choose another folder with --out or --name, or delete "
            "this one"
        )
