"""A finished prepared set, as later stages see it: clips, labels, splits, statistics, shards.

Only a folder with `dataset.json`, which is written last, is a prepared set.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Float32

from avme.artifacts import DATASET_MANIFEST, read_json
from avme.data.splits import list_sha256
from avme.errors import ArtifactError, UsageError
from avme.media.sound import AudioState

DATASET_SCHEMA = 1
INDEX = "index.csv"
SHARDS = "shards"
SPLITS = "splits"

SplitPart = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class ClipEntry:
    """A good clip and where it lies."""

    id: str
    class_name: str
    label: int
    group: str
    num_frames: int
    fps: Fraction
    width: int
    height: int
    audio: AudioState
    shard: str
    """File name below `shards/`."""
    row: int
    """Its row in that shard."""


@dataclass(frozen=True)
class PreparedSet:
    """The set in `folder`; everything else is read from its files."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path, *, lazily: bool = False) -> "PreparedSet":
        """Raises ArtifactError if `folder` is no finished prepared set of this version.

        `lazily` looks at all entries and keeps none: who asks for them reads them again.
        """
        if not (folder / DATASET_MANIFEST).is_file():
            state = "unfinished" if folder.is_dir() else "missing"
            raise ArtifactError(
                f"prepared set {folder} is {state} (no {DATASET_MANIFEST}): run `avme prep` first"
            )
        manifest = read_json(folder / DATASET_MANIFEST)
        if manifest.get("schema") != DATASET_SCHEMA:
            raise ArtifactError(
                f"{folder / DATASET_MANIFEST} has schema {manifest.get('schema')}, this avme reads "
                f"{DATASET_SCHEMA}: prepare the set anew"
            )
        for name in (manifest["name"], *manifest["splits"]):
            _require_plain(name, folder)
        prepared = cls(folder, manifest)
        if lazily:
            for _ in _read_entries(folder / INDEX):
                pass
        else:
            _ = prepared.entries
        return prepared

    @cached_property
    def entries(self) -> tuple[ClipEntry, ...]:
        """All good clips, sorted by id."""
        return tuple(_read_entries(self.folder / INDEX))

    @property
    def name(self) -> str:
        """What the set is called."""
        return str(self.manifest["name"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is a position in this list."""
        return tuple(self.manifest["classes"])

    @property
    def fingerprint(self) -> str:
        """Hash over settings, shards and splits: equal for equal content."""
        return str(self.manifest["fingerprint"])

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(self.manifest["splits"])

    def part(
        self, split: str, part: SplitPart, *, may_be_empty: bool = False
    ) -> tuple[ClipEntry, ...]:
        """The clips of one side of a split, sorted by id.

        Raises UsageError for unknown splits, and ArtifactError if there is no clip at all, as where
        all were quarantined, unless it `may_be_empty`.
        """
        ids = self._ids(split, part)
        if not ids and not may_be_empty:
            raise ArtifactError(
                f"{split_path(self.folder, split, part)} lists no clip, expected at least one: see "
                "quarantine.csv, mend its videos and run `avme prep` again, or choose another split"
            )
        try:
            return tuple(self._by_id[clip_id] for clip_id in ids)
        except KeyError as error:
            raise ArtifactError(
                f"{self.folder}: split {split} lists {error}, which {INDEX} lacks: `avme verify` "
                "says how to mend it"
            ) from None

    def list_sha256(self, split: str, part: SplitPart) -> str:
        """Fingerprint of the list of ids of one side of a split."""
        return list_sha256(self._ids(split, part))

    def mfcc_statistics(
        self, split: str
    ) -> tuple[Float32[np.ndarray, " f"], Float32[np.ndarray, " f"]]:
        """Mean and deviation of every coefficient over the sounding rows of the train list."""
        self._require_split(split)
        statistics = self.manifest["statistics"][split]
        return (
            np.array(statistics["mfcc_mean"], dtype=np.float32),
            np.array(statistics["mfcc_deviation"], dtype=np.float32),
        )

    def shard_path(self, entry: ClipEntry) -> Path:
        """The file that holds `entry`."""
        return self.folder / SHARDS / entry.shard

    @cached_property
    def _by_id(self) -> dict[str, ClipEntry]:
        return {entry.id: entry for entry in self.entries}

    def _ids(self, split: str, part: SplitPart) -> tuple[str, ...]:
        self._require_split(split)
        path = split_path(self.folder, split, part)
        try:
            return tuple(path.read_text(encoding="utf-8").splitlines())
        except OSError as error:
            raise ArtifactError(
                f"{path} cannot be read: `avme verify` says how to mend it"
            ) from error

    def _require_split(self, split: str) -> None:
        if split not in self.splits:
            raise UsageError(f"{self.name} has no split {split!r}: it has {', '.join(self.splits)}")


def split_path(folder: Path, split: str, part: str) -> Path:
    """The list of one side of a split: clip ids, one a line."""
    return folder / SPLITS / f"split{split}-{part}.txt"


def _require_plain(name: str, folder: Path) -> None:
    """Names become parts of paths, which must not lead out of their folder."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise ArtifactError(f"{folder / DATASET_MANIFEST} holds the name {name!r}: prepare anew")


def _read_entries(path: Path) -> Iterator[ClipEntry]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from map(_entry, csv.DictReader(file))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ArtifactError(
            f"{path} cannot be read ({error!r}): `avme verify` says how to mend it"
        ) from error


def _entry(row: dict[str, str]) -> ClipEntry:
    if Path(row["shard"]).name != row["shard"]:
        raise ValueError(f"{row['shard']} is no file name")
    return ClipEntry(
        id=row["id"],
        class_name=row["class_name"],
        label=int(row["label"]),
        group=row["group"],
        num_frames=int(row["frames"]),
        fps=Fraction(int(row["fps_num"]), int(row["fps_den"])),
        width=int(row["width"]),
        height=int(row["height"]),
        audio=cast(AudioState, row["audio"]),
        shard=row["shard"],
        row=int(row["row"]),
    )
