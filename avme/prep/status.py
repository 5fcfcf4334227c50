"""Status of a dataset folder: which shards must be built and why, and whether it is published.

Nothing is written. Shards are judged by presence and size; only one whose size differs from its
journal line is opened. `avme verify` checks their content.
"""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from avme.errors import ArtifactError, MismatchError
from avme.io.filenames import DATASET_MANIFEST, QUARANTINE, SHARDS
from avme.io.hashing import list_sha256, sha256_of
from avme.prep import journal
from avme.shards.dataset import read_manifest, split_path
from avme.shards.reader import ShardReader
from avme.sources.clip_table import Selection
from avme.sources.splits import Split

Reason = Literal["missing", "stale", "broken", "retry"]
"""Why a shard is built: it does not exist; it has clips that were removed or changed; it is
truncated, by its size; or it has quarantined clips to retry."""


def manifest_of(folder: Path) -> dict[str, Any]:
    """Read `dataset.json`; empty tables if it is missing or damaged.

    It is then written again from the shards.
    """
    empty: dict[str, Any] = {"shards": {}, "splits": {}}
    if not (folder / DATASET_MANIFEST).is_file():
        return empty
    try:
        return read_manifest(folder)
    except ArtifactError:
        return empty


def find_outdated(
    folder: Path,
    manifest: Mapping[str, Any],
    shards: Mapping[str, Selection],
    stale: Collection[str],
    *,
    retry: bool,
) -> dict[str, Reason]:
    """Return the shards to build, with reasons.

    Args:
        folder: Folder of the dataset.
        manifest: Content of `dataset.json`, as of `manifest_of`.
        shards: Planned clips by shard.
        stale: Shards, if they exist, of clips that were removed or changed.
        retry: Rebuild shards of quarantined clips.

    Raises:
        ArtifactError: `quarantine.csv` is invalid, and clips are to be retried.
    """
    paths = {name: folder / SHARDS / name for name in shards}
    sizes = {name: path.stat().st_size for name, path in paths.items() if path.is_file()}
    noted = {name: done.num_bytes for name, done in journal.read(folder).items()}
    listed = {name: facts["bytes"] for name, facts in manifest["shards"].items()}
    outdated: dict[str, Reason] = {name: "missing" for name in shards if name not in sizes}
    outdated.update({name: "stale" for name in sizes if name in stale})
    outdated.update(
        {
            name: "broken"
            for name, num_bytes in sizes.items()
            if name not in stale and _is_broken(paths[name], num_bytes, listed, noted)
        }
    )
    for name in _shards_of_quarantined(folder, shards) if retry else ():
        outdated.setdefault(name, "retry")
    return outdated


def is_published(
    folder: Path, manifest: Mapping[str, Any], splits: Sequence[Split], moved_from: str | None
) -> bool:
    """Return True if `splits` are published, and tables and lists are unchanged since.

    Args:
        folder: Folder of the dataset.
        manifest: Content of `dataset.json`, as of `manifest_of`.
        splits: Splits of the source.
        moved_from: Previous folder of the videos, if they moved.

    Raises:
        MismatchError: The videos of a finished dataset moved and their splits differ.
    """
    if "tables" not in manifest:
        return False
    planned = {split.name: planned_sha256(split) for split in splits}
    published = {name: facts["planned_sha256"] for name, facts in manifest["splits"].items()}
    if moved_from and planned != published:
        raise MismatchError(
            f"{folder}: its videos moved from {moved_from}, and other split lists or none were "
            "found there: give the previous ones with --splits, or choose another folder with "
            "--out or --name"
        )
    return planned == published and _tables_match(folder, manifest)


def planned_sha256(split: Split) -> str:
    """Return the hash of a split before quarantined clips are removed from it."""
    return list_sha256(chain(split.train, ("",), split.test))


def _shards_of_quarantined(folder: Path, shards: Mapping[str, Selection]) -> Iterable[str]:
    """Return existing shards with clips in `quarantine.csv`, which may now be decodable."""
    path = folder / QUARANTINE
    if not path.is_file():
        return
    try:
        with path.open(encoding="utf-8", newline="") as file:
            ids = {row["id"] for row in csv.DictReader(file)}
    except (KeyError, ValueError, csv.Error) as error:
        raise ArtifactError(
            f"{path} cannot be read ({error!r}): `avme verify` shows how to fix it"
        ) from error
    for name, clips in shards.items():
        if (folder / SHARDS / name).is_file() and not ids.isdisjoint(clips.ids()):
            yield name


def _tables_match(folder: Path, manifest: Mapping[str, Any]) -> bool:
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
