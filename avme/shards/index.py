"""`index.csv`: a record of a clip to the cells of its line, and back.

Cells are what Python's csv module makes of the values: nothing for None, `True` for true, the
shortest digits that give the same float again.
"""

import csv
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args

from avme.errors import ArtifactError
from avme.io.filenames import INDEX
from avme.shards.record import ClipRecord

_FIELDS: Final = tuple(f for f in fields(ClipRecord) if f.name not in ("reason", "message"))
COLUMNS: Final = tuple(field.name for field in _FIELDS)
"""What a line says of its clip; after these come one column per split, `shard` and `row`."""


def to_cells(record: ClipRecord) -> dict[str, str]:
    """The text of every column of `COLUMNS`."""
    values = {name: getattr(record, name) for name in COLUMNS}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def from_cells(cells: Mapping[str, str]) -> ClipRecord:
    """The record in a line; columns that an older set lacks keep their defaults.

    Raises ValueError or TypeError where a cell is no value of its column, or `id` is missing.
    """
    known = [field for field in _FIELDS if field.name in cells]
    return ClipRecord(**{field.name: _value(cells[field.name], field.type) for field in known})


def read_rows(folder: Path) -> list[dict[str, str]]:
    """All lines of a set's `index.csv`, as text; raises ArtifactError if it is no such table."""
    path = folder / INDEX
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = reader.fieldnames or ()
            rows: list[dict[str, Any]] = []
            for row in reader:
                if None in row or None in row.values():
                    raise ValueError(f"line {reader.line_num} has another number of cells")
                rows.append(row)
    except (OSError, ValueError, csv.Error) as error:
        raise ArtifactError(f"{path} cannot be read ({error})") from error
    missing = [name for name in ("id", "shard", "row") if name not in names]
    if missing:
        raise ArtifactError(f"{path} has no column {missing[0]}")
    return rows


def read_records(folder: Path) -> tuple[ClipRecord, ...]:
    """All clips of a set's `index.csv` in its order; raises ArtifactError naming a broken line."""
    records = []
    for row in read_rows(folder):
        try:
            records.append(from_cells(row))
        except (ValueError, TypeError) as error:
            raise ArtifactError(
                f"{folder / INDEX}: the line of {row['id']} cannot be read ({error}): `avme "
                "verify` says how to mend it"
            ) from error
    return tuple(records)


def _value(text: str, kind: Any) -> Any:
    """`kind` is a type, or a type or None."""
    options = get_args(kind) or (kind,)
    if text == "" and NoneType in options:
        return None
    target = options[0]
    if target is bool:
        if text not in ("True", "False"):
            raise ValueError(f"{text!r} is neither True nor False")
        return text == "True"
    return target(text)
