"""Manifest `dataset.json`: its schema, and the types and ranges of its values.

Shards, plan.json and dataset.json carry the same number of the schema. The checksum of the manifest
detects damage, but not a forged file.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from avme.errors import ArtifactError

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Text = Annotated[str, Field(max_length=1000)]
Coefficients = Annotated[list[float], Field(min_length=1, max_length=65_536)]
DATASET_SCHEMA: Final = 4
_MOST_CLASSES: Final = 1_000_000


class _Strict(BaseModel):
    """Strict model without type conversions; other keys are ignored."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Split(_Strict):
    train: Count
    test: Count
    train_sha256: Text
    test_sha256: Text
    train_quarantined: Count
    test_quarantined: Count


class _Shard(_Strict):
    sha256: Text
    num_bytes: Count = Field(alias="bytes")
    clips: Count


class _Statistics(_Strict):
    mfcc_mean: Coefficients
    mfcc_deviation: Annotated[
        list[Annotated[float, Field(gt=0.0)]], Field(min_length=1, max_length=65_536)
    ]


class _Counts(_Strict):
    clips: Count
    quarantined: Count


class _Settings(_Strict):
    num_cepstra: Annotated[int, Field(ge=1, le=65_536)]


class _Manifest(_Strict):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    fingerprint: Text
    classes: Annotated[list[Text], Field(max_length=_MOST_CLASSES)]
    splits: dict[Text, _Split]
    statistics: dict[Text, _Statistics]
    tables: dict[Text, Text]
    settings: _Settings
    shards: dict[Text, _Shard]
    counts: _Counts
    ffmpeg: dict[Text, Count]


def require_schema(found: object, path: Path) -> None:
    """Raise ArtifactError if the file at `path` has another schema."""
    if found != DATASET_SCHEMA:
        raise ArtifactError(
            f"{path}: prepared with another version of avme (got schema {found!r:.40}, expected "
            f"{DATASET_SCHEMA}). Prepare the dataset again: delete its folder or choose another "
            "with --out"
        )


def require_types(manifest: dict[str, Any], path: Path) -> None:
    """Raise ArtifactError if a value of the manifest at `path` has another type or range."""
    try:
        made = _Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        index = ".".join(map(str, first["loc"]))
        message = first["msg"][:1].lower() + first["msg"][1:]
        raise _refusal(path, f"{index:.80}: {message}") from error
    if len(set(made.classes)) != len(made.classes):
        raise _refusal(path, "a class appears twice")
    for split in made.splits:
        said = made.statistics.get(split)
        if said is None or len(said.mfcc_mean) != len(said.mfcc_deviation):
            raise _refusal(
                path,
                f"split {split:.40} has no statistics, expected a mean and deviation for each row",
            )


def _refusal(path: Path, what: str) -> ArtifactError:
    return ArtifactError(
        f"{path} is not what `avme prep` writes ({what}): `avme verify` shows how to fix it"
    )


def fingerprint(content: dict[str, Any]) -> str:
    """Return the hash of classes, settings, splits and shards of a manifest."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
