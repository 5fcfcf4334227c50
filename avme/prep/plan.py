"""Plan of a dataset: the assignment of clips to shards, and the shards that a run must build.

A plan is made, which writes nothing, and then written. A shard exists if and only if it is complete
and matches the written plan: when source files change, their shards are deleted before the new plan
is written, so that this holds after any kill. A file with only a new mtime changes no shard that
was made from the same bytes.

The plan is independent of workers: any number of them builds the same shards.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avme.config.prep import PrepConfig
from avme.errors import MismatchError
from avme.io.filenames import DATASET_MANIFEST, PLAN, SHARDS
from avme.media.decode import Recipe
from avme.media.ffmpeg.process import ffmpeg_version
from avme.prep.plan_diff import NEW, Changes, PreviousPlan, compare_touched, read_previous
from avme.prep.plan_file import source_stamps, write_plan
from avme.prep.request import Request
from avme.prep.status import Reason, find_outdated, is_published, manifest_of
from avme.progress import Reporter
from avme.shards.manifest import DATASET_SCHEMA
from avme.shards.name_rules import shard_name, shard_number
from avme.sources.clip_table import ClipTable, Selection
from avme.sources.splits import SourceResult

_SETTINGS = "settings."
_SOURCE = "source"
_LARGEST_SHARD = 128
_SHARDS_OF_A_SMALL_SET = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """Assignment of clips to shards, and what a run must build."""

    folder: Path
    clips: ClipTable
    shards: dict[str, Selection]
    head: dict[str, Any]
    """Head of `plan.json`: identity, call, ffmpeg and classes."""
    before: dict[str, Any] = field(default_factory=dict)
    """Previous head; empty without a previous plan."""
    changes: Changes = field(default_factory=Changes)
    added: frozenset[str] = frozenset()
    """Shards that are new in this plan."""
    stale: frozenset[str] = frozenset()
    """Shards, if they exist, of clips that were removed or changed."""
    outdated: Mapping[str, Reason] = field(default_factory=dict)
    """Shards to build, by all partitions, with reasons."""
    own: frozenset[str] = frozenset()
    """Shards of this run: all, or those of its partition."""
    is_finished: bool = False
    """True if all shards exist, and manifest and tables match them and the splits."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""
        return self.clips.class_names

    @property
    def num_clips(self) -> int:
        """Number of clips in all shards."""
        return len(self.clips)

    @property
    def ffmpeg_version(self) -> str:
        """ffmpeg version of the first clips; another version may differ in some bits."""
        return str(self.head["ffmpeg"])

    def shard_path(self, name: str) -> Path:
        """Return the path of a shard, existing or not."""
        return self.folder / SHARDS / name

    def missing(self) -> tuple[str, ...]:
        """Return the shards that do not exist yet."""
        return tuple(name for name in self.shards if not self.shard_path(name).is_file())

    def outdated_for(self, *reasons: Reason) -> list[str]:
        """Return the shards to build for one of these reasons."""
        return [name for name, reason in self.outdated.items() if reason in reasons]

    def write(self) -> None:
        """Delete outdated shards, write `plan.json` if it changed, and unpublish the dataset.

        A finished dataset is left as it is, with the limits that it was built with.
        """
        self._delete(self.outdated_for("broken"))  # while a manifest still has their size
        self._write()
        if not self.is_finished:
            (self.folder / DATASET_MANIFEST).unlink(missing_ok=True)
            self._delete(self.outdated_for("retry"))

    def _write(self) -> None:
        changes, head = self.changes, self.head
        if self.is_finished:
            limits = {name: self.before["call"][name] for name in PrepConfig().limits()}
            head = {**head, "call": {**head["call"], **limits}}
        if not (changes.total or changes.touched or head != self.before):
            return
        if changes.total:
            # Manifest first: a dataset whose shards are being replaced is unfinished.
            (self.folder / DATASET_MANIFEST).unlink(missing_ok=True)
        self._delete(self.stale)
        shards = ((name, clips.ids()) for name, clips in self.shards.items())
        write_plan(self.folder / PLAN, head, shards, source_stamps(self.clips))

    def _delete(self, names: Iterable[str]) -> None:
        for name in names:
            self.shard_path(name).unlink(missing_ok=True)


def make_plan(request: Request, source: SourceResult, recipe: Recipe, report: Reporter) -> Plan:
    """Plan the dataset of a request, or extend its existing plan; writes nothing.

    Args:
        request: Folder, settings and partition.
        source: Clips and splits.
        recipe: Decode settings, with the ffmpeg that is used.
        report: Receives progress of hashing.

    Raises:
        MismatchError: The existing plan is for other settings, or for another source with other
            files or splits.
        ArtifactError: The existing plan is damaged.
    """
    folder, config, clips = request.folder, request.config, source.clips
    now = str(request.source.resolve())
    identity = {
        "schema": DATASET_SCHEMA,
        _SOURCE: now,
        "layout": request.layout,
        **{f"{_SETTINGS}{key}": value for key, value in config.content().items()},
    }
    old = read_previous(folder / PLAN, clips)
    if not old.is_new:
        _require_same(old.head["identity"], identity, folder)
        _require_same_files(old, now, folder)
        compare_touched(old, folder, config.timeout_seconds, report)
        _require_same_files(old, now, folder)
        if old.source != now:
            report.log(f"the videos of {old.source} are now in {now}, the same ones")
    changes, stale = old.changes(), old.stale()
    shards = _assign(clips, old, config.shard_clips)
    names, manifest = list(shards), manifest_of(folder)
    moved_from = old.source if old.source != now else None
    published = is_published(folder, manifest, source.splits, moved_from)
    outdated = find_outdated(folder, manifest, shards, stale, retry=request.retry)
    return Plan(
        folder=folder,
        clips=clips,
        shards=shards,
        head={
            "identity": identity,
            "call": {**request.beside.as_record(), **config.limits()},
            "ffmpeg": ffmpeg_version(recipe.ffmpeg) if old.is_new else old.head["ffmpeg"],
            "classes": list(clips.class_names),
        },
        before=old.head,
        changes=changes,
        added=frozenset(shards.keys() - old.shards.keys()),
        stale=stale,
        outdated=outdated,
        own=frozenset(names if request.share is None else request.share.select(names)),
        is_finished=published and not outdated and not changes.total,
    )


def clips_per_shard(num_clips: int, wanted: int | None) -> int:
    """Return 128, or fewer for a small dataset so that all cores have work."""
    if wanted is not None:
        return wanted
    return min(_LARGEST_SHARD, max(1, math.ceil(num_clips / _SHARDS_OF_A_SMALL_SET)))


def _assign(clips: ClipTable, old: PreviousPlan, wanted: int | None) -> dict[str, Selection]:
    """Assign clips to shards: known clips stay, new ones fill new shards at the end."""
    shards = {name: Selection(clips, at) for name, at in old.shards.items() if len(at)}
    added = np.flatnonzero(old.change == NEW)
    size = clips_per_shard(len(clips), wanted)
    number = 1 + max((shard_number(name) for name in old.shards), default=-1)
    for begin in range(0, len(added), size):
        shards[shard_name(number)] = Selection(clips, added[begin : begin + size])
        number += 1
    return shards


def _require_same(old: dict[str, Any], new: dict[str, Any], folder: Path) -> None:
    differing = [
        f"{key.removeprefix(_SETTINGS)} is {_shown(old, key)} there, {_shown(new, key)} now"
        for key in dict.fromkeys([*old, *new])
        if key != _SOURCE and old.get(key) != new.get(key)
    ]
    if differing:
        raise MismatchError(
            f"{folder} was prepared with other settings: {'; '.join(differing)}: choose another "
            "folder with --out or --name, or delete this one"
        )


def _shown(identity: dict[str, Any], key: str) -> str:
    value = identity.get(key)
    return "none" if value is None else repr(value)


def _require_same_files(old: PreviousPlan, source: str, folder: Path) -> None:
    """Check the source: videos may have moved, but must be the same."""
    changes = old.changes()
    if old.source != source and changes.added + changes.removed + changes.changed:
        raise MismatchError(
            f"{folder} was prepared with other settings: source is {old.source!r} there, "
            f"{source!r} now, and its files differ ({changes.added} more, {changes.removed} "
            f"missing, {changes.changed} different): choose another folder with --out or --name, "
            "or delete this one"
        )
