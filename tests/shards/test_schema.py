"""A file of another schema is refused with the schema found, the one expected and the fix."""

from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.shards.schema import DATASET_SCHEMA, require_schema


def test_require_schema_accepts_the_current_one() -> None:
    require_schema(DATASET_SCHEMA, Path("dataset.json"))


@pytest.mark.parametrize("found", [1, 2, 3, DATASET_SCHEMA + 1, None, "4", "x" * 1000])
def test_another_schema_is_refused_in_one_line(found: object) -> None:
    with pytest.raises(ArtifactError) as caught:
        require_schema(found, Path("data/pets/dataset.json"))

    assert str(caught.value) == (
        "data/pets/dataset.json: prepared with another version of avme (got schema "
        f"{found!r:.40}, expected 4). Prepare the dataset again: delete its folder or choose "
        "another with --out"
    )
