"""Strict parser for untrusted JSON: plain values of bounded depth.

Refused besides invalid JSON: NaN and Infinity, which JSON does not have, numbers beyond the range
of a float, deep nesting, and lone surrogates, which cannot be printed.
"""

import json
import math
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast, get_args, get_type_hints

from avme.errors import ArtifactError

Record = TypeVar("Record")
MOST_LEVELS: Final = 64
"""Maximum nesting of lists and objects; avme's own files have at most 8 levels."""
MOST_BYTES: Final = 1 << 28
"""Maximum size of a file, 256 MiB. A plan, which lists all clips of a set, may have more."""
_HALF: Final = "\\ud"
"""Start of the escape of a surrogate."""


def read_json_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Read a text file of at most `most_bytes`; raises ArtifactError otherwise."""
    if path.exists() and not path.is_file():  # a pipe would block
        raise ArtifactError(f"{path} is not a regular file, expected a JSON file")
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise ArtifactError(
                f"{path} has more than {most_bytes:,} bytes, which no file of its kind has: delete "
                "it and run its stage"
            )
        return content.decode("utf-8")
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path} is not JSON ({error}): delete it and run its stage") from error


def parse_json(text: str | bytes, *, has_nan: bool = False) -> Any:
    """Parse JSON; raises ValueError for refused text.

    `has_nan` allows NaN and Infinity, as Python writes them.
    """
    try:
        if has_nan:
            value = json.loads(text)
        else:
            value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError(f"nested more than {MOST_LEVELS} levels deep") from None
    require_shallow(value)
    has_half = _HALF in text.lower() if isinstance(text, str) else _HALF.encode() in text.lower()
    if has_half:
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def typed_record(kind: type[Record], values: Any) -> Record:
    """Build a flat dataclass of text, numbers and booleans from an object; other keys are ignored.

    Raises ValueError if a field is missing or has another type; true is not a number.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"found {type(values).__name__}, expected an object")
    types = _types_of(cast(Hashable, kind))
    known = {name: values[name] for name in types if name in values}
    for name, value in known.items():
        if type(value) not in types[name]:
            raise ValueError(f"{name} is {type(value).__name__}")
    try:
        return kind(**known)
    except TypeError as error:
        raise ValueError(str(error)) from error


@cache
def _types_of(kind: Any) -> Mapping[str, tuple[type, ...]]:
    """Return the types of a field by its name; a float may be written without a point."""
    types = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(kind).items()}
    return {name: (*some, int) if float in some else some for name, some in types.items()}


def require_shallow(value: Any) -> None:
    """Raise ValueError if lists and objects are nested deeper than MOST_LEVELS."""
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"nested more than {MOST_LEVELS} levels deep")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large for a float")
    return number
