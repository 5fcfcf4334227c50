"""CSV reader whose rows have line numbers, so that errors can name them.

Quotes are parsed strictly: an unclosed one would otherwise swallow the rest of the file silently.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from avme.errors import UsageError
from avme.media.container.formats import VIDEO_SUFFIXES
from avme.media.span import Span
from avme.sources.clip_table import SUBSET_ALIASES, Subset

_SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars"}
_SECONDS = re.compile(r"\d+(\.\d*)?|\.\d+")


@dataclass(frozen=True, slots=True)
class Row:
    """Row of a table."""

    file: Path
    line: int
    """Line number from 1; the last one of a multi-line row."""
    values: dict[str, str]
    """Values by column, stripped; empty if the row is shorter."""

    @property
    def location(self) -> str:
        """Return file and line, for messages."""
        return f"{self.file}:{self.line}"

    def text(self, column: str) -> str:
        """Return a value; raises UsageError if it is empty."""
        if not self.values[column]:
            raise UsageError(f"{self.location}: {column} is empty")
        return self.values[column]

    def seconds(self, column: str) -> float | None:
        """Return a time in seconds, or None; raises UsageError if it is not a number."""
        value = self.values.get(column, "")
        if not value:
            return None
        if not _SECONDS.fullmatch(value):
            raise UsageError(
                f"{self.location}: found {column} {value!r}, expected seconds, as in 65 or 65.5"
            )
        return float(value)

    def span(self, start: str, end: str) -> Span | None:
        """Return the span from one column to another, if either has a value."""
        begin, stop = self.seconds(start), self.seconds(end)
        if begin is None and stop is None:
            return None
        try:
            return Span(begin or 0.0, stop)
        except UsageError as error:
            raise UsageError(f"{self.location}: {error}") from error

    def subset(self, column: str) -> Subset:
        """Return the subset that a column names."""
        found = self.values[column]
        if (subset := SUBSET_ALIASES.get(found.lower())) is None:
            raise UsageError(
                f"{self.location}: found {column} {found!r}, expected train, val or test"
            )
        return subset


def read_table(path: Path, required: Sequence[str]) -> Iterator[Row]:
    """Yield the rows below a header, whose names may be in any order and case.

    Raises UsageError if the file is unreadable or lacks a column of `required`, and at a row that
    is invalid CSV or has more values than the header.
    """
    lines = _lines(path)
    number, header = next(lines, (1, []))
    names = [name.lower() for name in header]
    missing = [name for name in required if name not in names]
    if missing:
        _refuse_other_forms(path, number, header, required)
        found = f"the columns {', '.join(names)}" if names else "an empty file"
        raise UsageError(
            f"{path}:{number}: found {found}, expected {', '.join(required)}: "
            f"add {', '.join(missing)} to the header line"
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise UsageError(f"{path}:{number}: the column {twice[0]} appears twice, expected once")
    return (_row(path, number, names, values) for number, values in lines)


def read_columns(path: Path, names: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a file without a header; raises UsageError if one lacks a column."""
    for number, values in _lines(path):
        if len(values) < len(names):
            _refuse_other_separator(path, number, values)
            raise UsageError(
                f"{path}:{number}: found {len(values)} values, expected {', '.join(names)}"
            )
        yield _row(path, number, list(names), values)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number and values of every non-empty line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                for values in reader:
                    stripped = [value.strip() for value in values]
                    if any(stripped):
                        yield reader.line_num, stripped
            except csv.Error as error:
                if reader.line_num == 1:
                    _refuse_other_separator(path, 1, [_first_line(path)])
                raise UsageError(
                    f"{path}:{reader.line_num}: not valid CSV ({error}): put values with a comma "
                    "or a quote in double quotes, and double the quotes in them"
                ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 ({error.reason}): save it as UTF-8") from error


def _refuse_other_forms(
    path: Path, number: int, header: list[str], required: Sequence[str]
) -> None:
    """Raise UsageError for another separator, or if the first line is not a header."""
    _refuse_other_separator(path, number, header)
    first = header[0] if header else ""
    words = first.split()
    if any(word.lower().endswith(tuple(VIDEO_SUFFIXES)) for word in (first, *words)):
        spaces = " and write commas in place of spaces" if len(header) == 1 < len(words) else ""
        raise UsageError(
            f"{path}:{number}: found a row ({first!r}) in place of the header: put the line "
            f"{','.join(required)} above it{spaces}"
        )


def _refuse_other_separator(path: Path, number: int, values: list[str]) -> None:
    """Raise UsageError if a line is a single value with another separator."""
    if len(values) != 1:
        return
    for mark, name in _SEPARATORS.items():
        if mark in values[0]:
            raise UsageError(
                f"{path}:{number}: found values that are separated by {name}, expected commas: "
                "save the table as CSV with commas"
            )


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return file.readline().strip()


def _row(path: Path, number: int, names: list[str], values: list[str]) -> Row:
    if any(values[len(names) :]):
        raise UsageError(
            f"{path}:{number}: found {len(values)} values, expected {len(names)}: put a value with "
            "a comma in double quotes"
        )
    filled = values + [""] * (len(names) - len(values))
    return Row(path, number, dict(zip(names, filled, strict=False)))
