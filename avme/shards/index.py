"""Rows of `index.csv`: conversion between records and cells.

Cells are formatted as by Python's csv module: empty for None, `True` for true, the shortest digits
that give the same float.
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
"""Columns of a clip's record; one column per split, `shard` and `row` follow."""


def to_cells(record: ClipRecord) -> dict[str, str]:
    """Return the text of every column in `COLUMNS`."""
    values = {name: getattr(record, name) for name in COLUMNS}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def from_cells(cells: Mapping[str, str]) -> ClipRecord:
    """Parse a row; raises ValueError or TypeError for an invalid cell."""
    return ClipRecord(**{field.name: _value(cells[field.name], field.type) for field in _FIELDS})


def read_rows(folder: Path) -> list[dict[str, str]]:
    """Read all rows of `index.csv` as text; raises ArtifactError if it is not such a table."""
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
    missing = [name for name in (*COLUMNS, "shard", "row") if name not in names]
    if missing:
        raise ArtifactError(f"{path} has no column {missing[0]}")
    return rows


def read_records(folder: Path) -> tuple[ClipRecord, ...]:
    """Read all clips of `index.csv` in order; raises ArtifactError naming an invalid line."""
    records = []
    for row in read_rows(folder):
        try:
            records.append(from_cells(row))
        except (ValueError, TypeError) as error:
            raise ArtifactError(
                f"{folder / INDEX}: the line of {row['id']} cannot be read ({error}): `avme "
                "verify` shows how to fix it"
            ) from error
    return tuple(records)


def _value(text: str, kind: Any) -> Any:
    """Parse a cell; `kind` is a type, or a type or None."""
    options = get_args(kind) or (kind,)
    if text == "" and NoneType in options:
        return None
    target = options[0]
    if target is bool:
        if text not in ("True", "False"):
            raise ValueError(f"{text!r} is neither True nor False")
        return text == "True"
    return target(text)
