"""Finished dataset as read by later stages: clips, labels, splits, statistics, shards.

Only a folder with `dataset.json`, which is written last, is a dataset.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float32

from avme.audio.loudness import AUDIO_STATES
from avme.errors import ArtifactError, UsageError
from avme.io.atomic import read_json
from avme.io.filenames import DATASET_MANIFEST, INDEX, QUARANTINE, SHARDS, SPLITS
from avme.io.hashing import list_sha256
from avme.io.json_checksum import has_valid_checksum
from avme.io.symlinks import require_no_links
from avme.shards.clip_entry import HINT, ClipEntry, parse_entries
from avme.shards.manifest import require_schema, require_types
from avme.shards.name_rules import require_label, require_plain_name

__all__ = ["ClipEntry", "PreparedDataset", "Subset", "read_manifest", "split_path"]

_MOST: Final = 2**31
"""Upper bound of every number of a clip."""

Subset = Literal["train", "test"]


@dataclass(frozen=True)
class PreparedDataset:
    """Dataset in `folder`; everything else is read from its files."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path, *, lazy: bool = False) -> "PreparedDataset":
        """Open a dataset.

        With `lazy` all entries are validated but not stored; they are read again on access.

        Raises ArtifactError if `folder` is not a finished dataset of this version, or contains
        symlinks.
        """
        require_no_links(folder)
        if not (folder / DATASET_MANIFEST).is_file():
            state = "unfinished" if folder.is_dir() else "missing"
            raise ArtifactError(
                f"prepared set {folder} is {state} (no {DATASET_MANIFEST}): run `avme prep` first"
            )
        manifest = read_manifest(folder)
        _require_names(manifest, folder)
        prepared = cls(folder, manifest)
        if lazy:
            for _ in prepared.read_entries():
                pass
        else:
            _ = prepared.entries
        return prepared

    @cached_property
    def entries(self) -> tuple[ClipEntry, ...]:
        """Valid clips, sorted by id."""
        return tuple(self.read_entries())

    def read_entries(self) -> Iterator[ClipEntry]:
        """Yield the clips of `index.csv` in its order.

        Raises ArtifactError if it is unreadable, or at its end if its bytes have changed.
        """
        path = self.folder / INDEX
        for entry in parse_entries(path, str(self.manifest["tables"].get(INDEX))):
            if not self._knows(entry):
                raise ArtifactError(
                    f"{path}: the line of {entry.id} does not fit {DATASET_MANIFEST} or the range "
                    f"of its columns: {HINT}"
                )
            yield entry

    def _knows(self, entry: ClipEntry) -> bool:
        """Return True if class and label agree, and all numbers are in range."""
        classes = self.manifest["classes"]
        numbers = (entry.num_frames, entry.width, entry.height, entry.row)
        return (
            0 <= entry.label < len(classes)
            and classes[entry.label] == entry.class_name
            and entry.audio in AUDIO_STATES
            and entry.fps > 0
            and all(0 <= number <= _MOST for number in numbers)
        )

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return str(self.manifest["name"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into this list."""
        return tuple(self.manifest["classes"])

    @property
    def fingerprint(self) -> str:
        """Hash of settings, shards and splits: equal for equal content."""
        return str(self.manifest["fingerprint"])

    @property
    def num_cepstra(self) -> int:
        """Coefficients per MFCC row."""
        return int(self.manifest["settings"]["num_cepstra"])

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(self.manifest["splits"])

    def subset(
        self, split: str, subset: Subset, *, allow_empty: bool = False
    ) -> tuple[ClipEntry, ...]:
        """Return the clips of one subset of a split, sorted by id.

        Args:
            split: Name of the split.
            subset: `train` or `test`.
            allow_empty: Allow a list without clips.

        Raises:
            UsageError: Unknown split.
            ArtifactError: The list has no clips, as when all were quarantined.
        """
        ids = self._ids(split, subset)
        if not ids and not allow_empty:
            path = split_path(self.folder, split, subset)
            raise ArtifactError(
                f"{path} lists no clip, expected at least one: see {QUARANTINE}, fix its videos "
                "and run `avme prep` again, or choose another split"
            )
        try:
            return tuple(self._by_id[clip_id] for clip_id in ids)
        except KeyError as error:
            raise ArtifactError(
                f"{self.folder}: split {split} lists {error}, which {INDEX} lacks: `avme verify` "
                "shows how to fix it"
            ) from None

    def list_sha256(self, split: str, subset: Subset) -> str:
        """Return the hash of the id list of one subset of a split."""
        return list_sha256(self._ids(split, subset))

    def mfcc_statistics(
        self, split: str
    ) -> tuple[Float32[np.ndarray, " f"], Float32[np.ndarray, " f"]]:
        """Return mean and deviation of every coefficient over the train list's rows with audio."""
        self._require_split(split)
        statistics = self.manifest["statistics"][split]
        return (
            np.array(statistics["mfcc_mean"], dtype=np.float32),
            np.array(statistics["mfcc_deviation"], dtype=np.float32),
        )

    def shard_path(self, entry: ClipEntry) -> Path:
        """Return the shard file of `entry`."""
        return self.folder / SHARDS / entry.shard

    @cached_property
    def _by_id(self) -> dict[str, ClipEntry]:
        return {entry.id: entry for entry in self.entries}

    def _ids(self, split: str, subset: Subset) -> tuple[str, ...]:
        self._require_split(split)
        path = split_path(self.folder, split, subset)
        try:
            with path.open(encoding="utf-8", newline="\n") as file:
                ids = tuple(line.removesuffix("\n") for line in file)
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path} cannot be read: {HINT}") from error
        if list_sha256(ids) != self.manifest["splits"][split][f"{subset}_sha256"]:
            raise ArtifactError(f"{path} has changed since it was written: {HINT}")
        return ids

    def _require_split(self, split: str) -> None:
        if split not in self.splits:
            raise UsageError(f"{self.name} has no split {split!r}: it has {', '.join(self.splits)}")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read `dataset.json`, unchanged since `avme prep` wrote it.

    Raises ArtifactError for another schema, or if the checksum differs.
    """
    path = folder / DATASET_MANIFEST
    manifest = read_json(path)
    require_schema(manifest.get("schema"), path)
    if not has_valid_checksum(manifest):
        raise ArtifactError(f"{path} has changed since it was written: {HINT}")
    require_types(manifest, path)
    return manifest


def split_path(folder: Path, split: str, subset: str) -> Path:
    """Return the list file of one subset of a split: clip ids, one per line.

    Args:
        folder: Dataset.
        split: Name of the split.
        subset: `train` or `test`.
    """
    return folder / SPLITS / f"split{split}-{subset}.txt"


def _require_names(manifest: dict[str, Any], folder: Path) -> None:
    """Check names that become parts of paths, which must not lead out of their folder."""
    try:
        for name in (manifest["name"], *manifest["splits"]):
            require_plain_name(name)
        for name in manifest["classes"]:
            require_label(name)
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"{folder / DATASET_MANIFEST}: {error}: prepare it again") from None
