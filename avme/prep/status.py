"""Status of a draft: which shards exist, and why others must be built.

Nothing is written. Shards are judged by presence and size; only one whose size differs from its
journal line is opened. `avme verify` checks their content.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.errors import ArtifactError, MismatchError
from avme.io.filenames import DATASET_MANIFEST
from avme.io.hashing import list_sha256, sha256_of
from avme.prep import journal
from avme.prep.plan import Draft
from avme.prep.publish import planned_sha256
from avme.shards.dataset import read_manifest, split_path
from avme.shards.reader import ShardReader
from avme.sources.splits import Split


@dataclass(frozen=True, slots=True)
class State:
    """Shards to build by reason, and whether the dataset is finished."""

    missing: tuple[str, ...]
    """Not present."""
    stale: tuple[str, ...]
    """Present, but with clips that were removed or changed."""
    broken: tuple[str, ...]
    """Present but truncated (size differs from the journal)."""
    is_finished: bool
    """True if manifest and tables match these shards and splits."""
    retried: tuple[str, ...] = ()
    """Present, but with quarantined clips to retry."""

    @property
    def to_make(self) -> tuple[str, ...]:
        """Return all shards that a run would build."""
        return (*self.missing, *self.stale, *self.broken, *self.retried)


def state_of(draft: Draft, splits: Sequence[Split]) -> State:
    """Compare the draft with its folder.

    Raises MismatchError if the videos of a finished dataset moved and their splits differ.
    """
    plan = draft.plan
    manifest = _manifest(plan.folder)
    there = {
        name: plan.shard_path(name).stat().st_size
        for name in plan.shards
        if plan.shard_path(name).is_file()
    }
    noted = {name: done.num_bytes for name, done in journal.read(plan.folder).items()}
    listed = {name: facts["bytes"] for name, facts in manifest["shards"].items()}
    stale = tuple(name for name in there if name in draft.stale)
    broken = tuple(
        name
        for name, num_bytes in there.items()
        if name not in draft.stale and _is_broken(plan.shard_path(name), num_bytes, listed, noted)
    )
    missing = tuple(name for name in plan.shards if name not in there)
    stand = "tables" in manifest and _tables_stand(plan.folder, manifest)
    planned = {split.name: planned_sha256(split) for split in splits}
    published = {name: facts["planned_sha256"] for name, facts in manifest["splits"].items()}
    if "tables" in manifest and draft.moved_from and planned != published:
        raise MismatchError(
            f"{plan.folder}: its videos were in {draft.moved_from}, and where they are now other "
            "split lists are found, or none: give those of before with --splits, or choose another "
            "folder with --out or --name"
        )
    unchanged = not (missing or stale or broken or plan.changes.total)
    return State(missing, stale, broken, unchanged and stand and planned == published)


def _manifest(folder: Path) -> dict[str, Any]:
    """Read `dataset.json`; empty tables if it is missing, damaged or of another schema.

    It is then written again from the shards.
    """
    empty: dict[str, Any] = {"shards": {}, "splits": {}}
    if not (folder / DATASET_MANIFEST).is_file():
        return empty
    try:
        return read_manifest(folder)
    except ArtifactError:
        return empty


def _tables_stand(folder: Path, manifest: dict[str, Any]) -> bool:
    """Return True if index, quarantine and every list are unchanged."""
    try:
        return all(
            _list_sha256(split_path(folder, split, part)) == facts[f"{part}_sha256"]
            for split, facts in manifest["splits"].items()
            for part in ("train", "test")
        ) and all(sha256_of(folder / name) == sha256 for name, sha256 in manifest["tables"].items())
    except (OSError, ValueError):
        return False


def _list_sha256(path: Path) -> str:
    with path.open(encoding="utf-8", newline="\n") as file:
        return list_sha256(line.removesuffix("\n") for line in file)


def _is_broken(path: Path, num_bytes: int, listed: dict[str, int], noted: dict[str, int]) -> bool:
    """Return True if a shard must be rebuilt, by its size in the manifest or the journal.

    After a kill the last line of the journal may refer to an older file of that name.
    """
    if path.name in listed:
        return listed[path.name] != num_bytes
    return noted.get(path.name, num_bytes) != num_bytes and not _can_be_read(path)


def _can_be_read(path: Path) -> bool:
    reader = ShardReader(path)
    try:
        reader.records()
    except ArtifactError:
        return False
    finally:
        reader.close()
    return True
