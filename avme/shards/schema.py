"""Version of the dataset format: shards, plan.json and dataset.json carry the same number."""

from pathlib import Path
from typing import Final

from avme.errors import ArtifactError

DATASET_SCHEMA: Final = 4


def require_schema(found: object, path: Path) -> None:
    """Raise ArtifactError if the file at `path` has another schema."""
    if found != DATASET_SCHEMA:
        raise ArtifactError(
            f"{path}: prepared with another version of avme (got schema {found!r:.40}, expected "
            f"{DATASET_SCHEMA}). Prepare the dataset again: delete its folder or choose another "
            "with --out"
        )
