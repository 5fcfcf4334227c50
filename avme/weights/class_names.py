"""Class names of a head's rows, from a file of names or config.json, never guessed."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from avme.errors import ArtifactError, MismatchError
from avme.io.strict_json import parse_json
from avme.message_text import some_of

_NUMBERED: Final = re.compile(r"(\d+)\s+(\S.*)")
_PLACEHOLDER: Final = re.compile(r"LABEL_\d+")
"""Hugging Face's placeholder for unnamed classes."""
_MOST_CHARACTERS: Final = 1 << 24
_MOST_NUMBERS: Final = 5
_EXPECTED: Final = (
    "a name in each line, `1 ApplyEyeMakeup` as in UCF-101's classInd.txt, or JSON: a list, "
    "id2label, or an object that holds id2label"
)


def read_class_names(file: Path, rows: int) -> tuple[str, ...]:
    """Read the names of a head's rows, in row order.

    Raises:
        ArtifactError: As `names_in_file`.
        MismatchError: The file does not name each of `rows` rows once.
    """
    names = names_in_file(file)
    if len(names) != rows:
        raise MismatchError(f"{file} names {len(names)} classes, the head has {rows} rows")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise MismatchError(f"{file} names {twice[0]} {names.count(twice[0])} times, expected once")
    return names


def names_in_file(file: Path) -> tuple[str, ...]:
    """Read all names in a file, in row order.

    Numbered lines count from 0 or 1 and may come in any order. Raises ArtifactError for a file of
    another kind.
    """
    try:
        with file.open(encoding="utf-8-sig") as opened:
            text = opened.read(_MOST_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{file} cannot be read ({error}): expected {_EXPECTED}") from error
    if len(text) > _MOST_CHARACTERS:
        raise ArtifactError(f"{file} has more than {_MOST_CHARACTERS:,} characters of names")
    if text.lstrip().startswith(("{", "[")):
        try:
            names = _of_json(parse_json(text))
        except ValueError as error:
            raise ArtifactError(f"{file} is not JSON ({error}): expected {_EXPECTED}") from error
    else:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        names = _of_lines(lines)
        if lines and not names:
            numbers = some_of((line.split()[0] for line in lines), _MOST_NUMBERS)
            raise ArtifactError(
                f"{file} numbers its classes {numbers}, expected 1 to {len(lines)} or "
                f"0 to {len(lines) - 1}, each once: correct them, or give a JSON list of names"
            )
    if not names:
        raise ArtifactError(f"{file} names no classes: expected {_EXPECTED}")
    return names


def letters(name: str) -> str:
    """Return a name without capitals, spaces and punctuation."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def require_same_rows(
    file: Path, known: Sequence[str], names_file: Path, names: Sequence[str]
) -> None:
    """Check that two lists give each class the same row. Other names may replace them.

    Capitals, spaces and punctuation are ignored.

    Args:
        file: Weight file.
        known: Names in the weight file.
        names_file: File of names.
        names: Names in it.

    Raises:
        MismatchError: A class has different rows.
    """
    rows = {letters(name): row for row, name in enumerate(known)}
    for row, name in enumerate(names):
        if rows.get(letters(name), row) != row:
            raise MismatchError(
                f"{file} has {name} in row {rows[letters(name)] + 1} of its head, {names_file} in "
                f"row {row + 1}: leave --classes out, or list the classes in the order of the rows"
            )


def names_in(config: Mapping[str, Any], rows: int) -> tuple[str, ...]:
    """Return the names in id2label of config.json; empty unless it names each row once."""
    labels = config.get("id2label")
    if not isinstance(labels, Mapping):
        return ()
    names = _by_number({str(key): str(name) for key, name in labels.items()})
    if len(names) != rows or len(set(names)) != rows:
        return ()
    return () if all(_PLACEHOLDER.fullmatch(name) for name in names) else names


def _of_json(content: Any) -> tuple[str, ...]:
    if isinstance(content, list) and all(isinstance(name, str) for name in content):
        return tuple(content)
    if not isinstance(content, Mapping):
        return ()
    if isinstance(content.get("id2label"), Mapping):
        content = content["id2label"]
    if all(isinstance(value, int) for value in content.values()):  # label2id
        content = {str(number): name for name, number in content.items()}
    if not all(isinstance(name, str) for name in content.values()):
        return ()
    return _by_number({str(key): name for key, name in content.items()})


def _of_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the names; empty if all lines have numbers that are not 0..n-1 or 1..n."""
    parts = [part for line in lines if (part := _NUMBERED.fullmatch(line))]
    if len(parts) < len(lines):
        return tuple(lines)
    numbered = {part[1]: part[2] for part in parts}
    return _by_number(numbered) if len(numbered) == len(lines) else ()


def _by_number(names: Mapping[str, str]) -> tuple[str, ...]:
    """Sort the names by their numbers, which must be 0 to n-1 or 1 to n."""
    if not all(key.isdecimal() for key in names):
        return ()
    by_number = {int(key): name for key, name in names.items()}
    first = min(by_number, default=0)
    if first > 1 or sorted(by_number) != list(range(first, first + len(names))):
        return ()
    return tuple(by_number[number] for number in sorted(by_number))
