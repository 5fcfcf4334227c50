"""HDF5 file of features: a row per clip, and what was computed.

Columns: `id`, `group`, `subset` (train or test), `audio` (state of the audio track) and `classes`
as text, `label`, `has_audio` (usable audio of its own in one of the windows) and `features`. The
attributes state what was computed; `FACTS` lists them.

Shape letters: n clips, t time slots, d channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from einops import rearrange
from h5py import h5l
from jaxtyping import Bool, Float32, Int32

from avme.errors import ArtifactError, MismatchError
from avme.shards.hdf5_file import open_shard, require_own_storage
from avme.shards.reader import UNREADABLE

FORMAT: Final = 1
FACTS: Final[dict[str, type]] = {
    "avme": str,
    "checkpoint": str,
    "checkpoint_sha256": str,
    "checkpoint_step": int,
    "trained_by": str,
    "dataset": str,
    "fingerprint": str,
    "split": str,
    "protocol": str,
    "list": str,
    "train_list_sha256": str,
    "test_list_sha256": str,
    "stage": str,
    "pool": str,
    "segments": int,
    "precision": str,
    "leak": str,
}
"""Attributes and their types. `leak` is the reason why test clips may have been trained on, or
empty."""
_IDENTITY: Final = {
    "checkpoint_sha256": "checkpoint",
    "fingerprint": "dataset",
    "split": "split",
    "list": "list",
    "stage": "stage",
    "pool": "pool",
    "segments": "number of segments",
}
"""Facts that must agree for a file to be read instead of computing, with names for messages."""
_TEXTS: Final = ("id", "group", "subset", "audio", "classes")


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Features of one subset, without clips that lack what the stage encodes."""

    id: tuple[str, ...]
    group: tuple[str, ...]
    class_name: tuple[str, ...]
    label: Int32[np.ndarray, " n"]
    features: Float32[np.ndarray, "n d"]
    """Time slots are joined to one vector."""
    num_left_out: int
    """Clips without usable audio, for features of audio."""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Content of a file of features."""

    path: Path
    facts: dict[str, Any]
    classes: tuple[str, ...]
    id: tuple[str, ...]
    group: tuple[str, ...]
    subset: tuple[str, ...]
    audio: tuple[str, ...]
    label: Int32[np.ndarray, " n"]
    has_audio: Bool[np.ndarray, " n"]
    features: Float32[np.ndarray, "n *t d"]

    def rows(self, subset: str, *, with_audio: bool | None = None) -> FeatureRows:
        """Return the clips of `train` or `test`.

        Args:
            subset: Subset of the split.
            with_audio: Leave out clips without usable audio; None for features of audio only.

        Raises:
            ArtifactError: The file has no clip of it.
        """
        listed = np.array([name == subset for name in self.subset], dtype=np.bool_)
        if with_audio is None:
            with_audio = self.facts["stage"] == "audio"
        chosen = listed & self.has_audio if with_audio else listed
        if not chosen.any():
            what = "clip with usable audio" if listed.any() else "clip"
            raise ArtifactError(
                f"{self.path} has no {what} of the {subset} list: compute features of all clips "
                "of a dataset that has some"
            )
        at = np.flatnonzero(chosen).tolist()
        flat = rearrange(self.features, "n ... -> n (...)")
        return FeatureRows(
            id=tuple(self.id[n] for n in at),
            group=tuple(self.group[n] for n in at),
            class_name=tuple(self.classes[self.label[n]] for n in at),
            label=self.label[chosen],
            features=flat[chosen],
            num_left_out=int(listed.sum() - chosen.sum()),
        )


def read_facts(path: Path) -> dict[str, Any]:
    """Read the attributes of a file.

    Raises ArtifactError if it is no file of features, or of another format.
    """
    try:
        with open_shard(path) as file:
            return _facts_in(file)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def require_same(path: Path, wanted: Mapping[str, Any]) -> None:
    """Raise MismatchError if a file holds features of another computation than `wanted`."""
    found = read_facts(path)
    other = [name for key, name in _IDENTITY.items() if found[key] != wanted[key]]
    if other:
        raise MismatchError(
            f"{path} holds features of another {', '.join(other)}: compute them again with "
            "--overwrite"
        )


def read_features(path: Path) -> FeatureTable:
    """Read a file of features.

    Raises ArtifactError if it is none, damaged, or of another format.
    """
    try:
        with open_shard(path) as file:
            facts = _facts_in(file)
            texts = {name: _read_texts(file, name) for name in _TEXTS}
            label, has_audio, features = (
                np.asarray(_column(file, name)[()]) for name in ("label", "has_audio", "features")
            )
        return _checked(path, facts, texts, label, has_audio, features)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _checked(
    path: Path,
    facts: dict[str, Any],
    texts: Mapping[str, tuple[str, ...]],
    label: np.ndarray,
    has_audio: np.ndarray,
    features: np.ndarray,
) -> FeatureTable:
    count, classes = len(texts["id"]), texts["classes"]
    if {len(texts[name]) for name in ("group", "subset", "audio")} != {count}:
        raise ValueError("its columns have different lengths")
    if label.dtype != np.int32 or label.shape != (count,) or has_audio.shape != (count,):
        raise ValueError("label or has_audio do not fit the clips")
    if features.dtype != np.float32 or len(features) != count or features.ndim not in (2, 3):
        raise ValueError("features do not fit the clips")
    if not np.isfinite(features).all():
        raise ValueError("a feature is not finite")
    if count and not ((label >= 0) & (label < len(classes))).all():
        raise ValueError("a label is outside the list of classes")
    return FeatureTable(
        path=path,
        facts=facts,
        classes=classes,
        id=texts["id"],
        group=texts["group"],
        subset=texts["subset"],
        audio=texts["audio"],
        label=label,
        has_audio=has_audio.astype(np.bool_),
        features=features,
    )


def _facts_in(file: h5py.File) -> dict[str, Any]:
    found = file.attrs.get("format")
    if found is None or int(found) != FORMAT:
        raise ValueError(f"format {found}, expected {FORMAT}")
    return {name: kind(file.attrs[name]) for name, kind in FACTS.items()}


def _column(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a column that is stored in the file itself, without filters."""
    if file.id.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise ValueError(f"column {name} is a link to another place")
    column = file[name]
    require_own_storage(column.id, name)
    return column


def _read_texts(file: h5py.File, name: str) -> tuple[str, ...]:
    column = np.asarray(_column(file, name)[()])
    if column.dtype.kind != "S" or column.ndim != 1:
        raise ValueError(f"column {name} is not a list of text")
    return tuple(text.decode() for text in column.tolist())


def _unreadable(path: Path, error: BaseException) -> ArtifactError:
    return ArtifactError(
        f"{path} cannot be read as features ({error}): delete it and run `avme embed` again"
    )
