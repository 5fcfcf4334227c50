"""Comparison of the current clips with the previous plan.

A copy of a file has another mtime but the same content: its hash is compared with that in its
shard. Nothing is written.
"""

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError, MediaError, SystemRequirementError
from avme.io.filenames import SHARDS
from avme.prep.plan_file import read_entries, source_stamp
from avme.prep.write_shard import hash_unchanged
from avme.progress import Reporter
from avme.shards.manifest import require_schema
from avme.shards.name_rules import require_clip_id, require_shard_name
from avme.shards.reader import ShardReader
from avme.sources.clip_table import ClipTable, SourceClip

_UNREADABLE: Final = (ArtifactError, OSError, LookupError, TypeError, ValueError)
_HEAD_TYPES = {"identity": dict, "call": dict, "ffmpeg": str, "classes": list}
_SECTIONS = frozenset({*_HEAD_TYPES, "shards", "clips"})
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
class PreviousPlan:
    """Previous plan; with an empty head there is none."""

    clips: ClipTable
    change: NDArray[np.uint8]
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
        return None if self.is_new else self.head["identity"]["source"]

    @property
    def is_new(self) -> bool:
        """True without a previous plan."""
        return not self.head

    def changes(self) -> Changes:
        """Return the differences of the clips; empty without a previous plan."""
        if self.is_new:
            return Changes()
        added, changed, touched, unsure = (
            int((self.change == what).sum()) for what in (NEW, CHANGED, TOUCHED, UNSURE)
        )
        return Changes(added, self.num_removed, changed, touched, unsure)

    def stale(self) -> frozenset[str]:
        """Return the shards of clips that were removed or changed."""
        changed = (name for name, at in self.shards.items() if (self.change[at] >= CHANGED).any())
        return frozenset((*self.shrunk, *changed))


def read_previous(path: Path, clips: ClipTable) -> PreviousPlan:
    """Read the plan at `path`, if it exists; raises ArtifactError if it is damaged."""
    old = PreviousPlan(clips, change=np.full(len(clips), NEW, dtype=np.uint8))
    if not path.is_file():
        return old
    try:
        _fill(old, path)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path} is damaged, so the clips of its shards are unknown: restore it from a backup, "
            "delete the folder or choose another with --out, and run again"
        ) from error
    return old


def _fill(old: PreviousPlan, path: Path) -> None:
    clips, guess, sections = old.clips, 0, set()
    for section, name, value in read_entries(path):
        sections.add(section)
        if section == "shards" and name is not None:
            require_shard_name(name)
            indices = array("q")
            for clip_id in value:
                index = clips.find(clip_id, guess)
                if index is None:
                    old.shrunk.add(name)
                else:
                    indices.append(index)
                    guess = index + 1
            old.shards[name] = np.array(indices, dtype=np.int64)
        elif section == "clips" and name is not None:
            index = clips.find(require_clip_id(name), guess)
            if index is None:
                old.num_removed += 1
            else:
                old.change[index] = _compare(value, source_stamp(clips, index))
                guess = index + 1
        elif name is None and value is not None:
            if section == "identity" and isinstance(value, dict):
                require_schema(value.get("schema"), path)
            old.head[section] = value
    held = np.zeros(len(clips), dtype=np.int64)
    for at in old.shards.values():
        np.add.at(held, at, 1)
    _require_types(old.head)
    _mark_renamed_classes(old)
    if not sections >= _SECTIONS or ((old.change != NEW) != held).any():
        raise ValueError("its shards and clips do not match")


def _require_types(head: dict[str, Any]) -> None:
    """Raise TypeError if a section has an unexpected type, ValueError if a required one is null."""
    if null := _HEAD_TYPES.keys() - head.keys():
        raise ValueError(f"{', '.join(sorted(null))} have no value")
    for section, kind in _HEAD_TYPES.items():
        if not isinstance(head[section], kind):
            raise TypeError(f"{section} is {type(head[section]).__name__}, not {kind.__name__}")
    if not all(isinstance(text, str) for text in (head["identity"]["source"], *head["classes"])):
        raise TypeError("source or classes are not text")
    if missing := PrepConfig().limits().keys() - head["call"].keys():
        raise ValueError(f"{', '.join(sorted(missing))} of the call have no value")


def _mark_renamed_classes(old: PreviousPlan) -> None:
    """Mark clips whose label now means another class as changed."""
    before, now = old.head["classes"], old.clips.class_names
    renamed = [label for label, name in enumerate(now) if name not in before[label : label + 1]]
    old.change[np.isin(old.clips.labels, renamed) & (old.change != NEW)] = CHANGED


def _compare(before: list[Any], now: list[Any]) -> int:
    if before == now:
        return KEPT
    return TOUCHED if before[:1] + before[2:] == now[:1] + now[2:] else CHANGED


def compare_touched(
    old: PreviousPlan, folder: Path, timeout_seconds: float, report: Reporter
) -> None:
    """Mark clips of `old` as changed if their file's hash differs from that in their shard.

    Clips whose shard is missing, or is rebuilt anyway, are not read. The hashes of one shard at a
    time are in memory.

    Args:
        old: Comparison with the previous plan.
        folder: Prepared dataset.
        timeout_seconds: Time limit per file.
        report: Receives progress.

    Raises:
        SystemRequirementError: A file cannot be read.
    """
    stale = old.stale()
    touched = {name: at[old.change[at] == TOUCHED] for name, at in old.shards.items()}
    paths = {name: folder / SHARDS / name for name in touched if len(touched[name])}
    paths = {name: path for name, path in paths.items() if name not in stale and path.is_file()}
    total = sum(len(touched[name]) for name in paths)
    if not total:
        return
    report.log(
        f"{total} source files have another modification time than planned: comparing them with "
        "the hashes in their shards"
    )
    with report.task("compare", total=total) as progress:
        for name, path in paths.items():
            known = _hashes(path)
            for index in touched[name].tolist():
                clip = old.clips[index]
                sha256 = known.get(clip.id)
                if sha256 is None:
                    old.change[index] = UNSURE
                elif not _is_same(clip, sha256, timeout_seconds):
                    old.change[index] = CHANGED
                progress.advance()


def _hashes(path: Path) -> dict[str, str | None]:
    """Return the SHA-256 of a shard's sources by clip id; empty if it cannot be read."""
    reader = ShardReader(path)
    try:
        return {record.id: record.source_sha256 for record in reader.records()}
    except _UNREADABLE:
        return {}
    finally:
        reader.close()


def _is_same(clip: SourceClip, sha256: str, timeout_seconds: float) -> bool:
    try:
        return hash_unchanged(clip, timeout_seconds) == sha256
    except MediaError as error:
        if error.reason == "changed":
            return False
        raise SystemRequirementError(
            f"{error}: cannot verify its shard: fix the file and run again"
        ) from error
