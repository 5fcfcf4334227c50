"""Lookup of the dataset that a checkpoint or run was trained on.

The fingerprint in `dataset.json` decides; it is the same after a copy or a renaming. The name is
second, for a dataset that was prepared again.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from avme.errors import ArtifactError, UsageError
from avme.io.atomic import read_json
from avme.io.filenames import DATASET_MANIFEST


@dataclass(frozen=True, slots=True)
class DatasetId:
    """Name and content of a prepared dataset."""

    name: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} (fingerprint {self.fingerprint[:8]})"


Match = Literal["fingerprint", "name", "only"]


@dataclass(frozen=True, slots=True)
class FoundDataset:
    """Dataset and the way it was found."""

    folder: Path
    match: Match
    """`only`: the only dataset present, which is not the wanted one."""


def find_dataset(root: Path, wanted: DatasetId) -> FoundDataset:
    """Return the dataset under `root` with the wanted fingerprint, else name, else the only one.

    Raises ArtifactError if `root` holds no dataset and UsageError if it holds several, none of
    which is the wanted one.
    """
    known = _datasets_in(root)
    if not known:
        raise ArtifactError(f"no prepared set in {root}/: run `avme prep` first, or give --data")
    same_content = [f for f, found in known.items() if found.fingerprint == wanted.fingerprint]
    same_name = [f for f, found in known.items() if wanted.name in (found.name, f.name)]
    for folder in sorted(same_content, key=lambda folder: folder.name != wanted.name):
        return FoundDataset(folder, "fingerprint")
    for folder in same_name:
        return FoundDataset(folder, "name")
    if len(known) == 1:
        return FoundDataset(next(iter(known)), "only")
    names = ", ".join(folder.name for folder in known)
    raise UsageError(
        f"{root}/ holds {names}, not the training set {wanted}: choose a set with --data"
    )


def dataset_id(folder: Path) -> DatasetId:
    """Return name and fingerprint of a prepared dataset; an unreadable manifest has none."""
    try:
        manifest: dict[str, Any] = read_json(folder / DATASET_MANIFEST)
    except (ArtifactError, OSError):  # reported where the dataset is opened
        manifest = {}
    name, fingerprint = (str(manifest.get(key, "")) for key in ("name", "fingerprint"))
    return DatasetId(name or folder.name, fingerprint)


def _datasets_in(root: Path) -> dict[Path, DatasetId]:
    manifests = sorted(root.glob(f"*/{DATASET_MANIFEST}"))
    return {manifest.parent: dataset_id(manifest.parent) for manifest in manifests}


def only_dataset(root: Path, option: str = "--data") -> Path:
    """Return the only dataset under `root`; raises ArtifactError for none and UsageError for
    several.

    `option` is the option that selects one, for messages.
    """
    found = sorted(manifest.parent for manifest in root.glob(f"*/{DATASET_MANIFEST}"))
    if not found:
        raise ArtifactError(f"no prepared set in {root}/: run `avme prep` first, or give {option}")
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise UsageError(f"{root}/ holds several prepared sets ({names}): choose one with {option}")
    return found[0]
