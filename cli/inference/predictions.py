"""Predictions on the terminal, as CSV rows and as a JSON list."""

import csv
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from avme.io.escape import escape_formula, escape_text

from ..terminal.output import print_line, print_parts, print_text
from ..terminal.progress import clock_time
from ..terminal.streams import is_terminal

if TYPE_CHECKING:
    from avme.inference.prediction import Prediction, Ranked

_BAR: Final = 30
HEADER: Final = ("file", "window", "start", "end", "rank", "class", "probability")
_AUDIO: Final = {"audible": "audible audio", "silent": "silent audio", "none": "no audio"}


def print_prediction(made: "Prediction", topk: int) -> None:
    """Print the most probable classes of a file, with bars on a terminal.

    Args:
        made: Prediction.
        topk: Number of classes.
    """
    count = len(made.windows)
    length = "" if made.seconds is None else f"{clock_time(made.seconds)}, "
    windows = f"{count} window{'s' if count > 1 else ''}"
    print_line(f"{made.name}  ({length}{_AUDIO[made.audio]}, mean of {windows})")
    top = made.top(topk)
    wide = max(len(name) for name, _ in top)
    for name, probability in top:
        text = f"  {name:<{wide}}  {100 * probability:5.1f} %"
        if is_terminal(sys.stdout):
            print_parts((f"{text}  ", ""), ("█" * round(_BAR * probability), "green"))
        else:
            print_line(text)
    for note in made.notes:
        print_line(f"  note: {note}")


def print_timeline(made: "Prediction") -> None:
    """Print the runs of windows with the same class."""
    spans = made.timeline()
    wide = max(len(span.label) for span in spans)
    for span in spans:
        begin, end = _moment(span.start_seconds), _moment(span.end_seconds)
        share = f"{100 * span.probability:5.1f} %"
        print_line(f"  {begin} to {end}  {span.label:<{wide}}  {share}")


class JsonWriter:
    """Writer of a JSON list to standard output, one record at a time."""

    def __init__(self, is_wanted: bool) -> None:
        self._is_wanted, self._count = is_wanted, 0

    def __enter__(self) -> "JsonWriter":
        return self

    def add(self, record: dict[str, Any]) -> None:
        """Print a record."""
        import json

        record = record | {key: _whole(record[key]) for key in ("file",) if key in record}
        print_text(("[\n" if self._count == 0 else ",\n") + json.dumps(record))
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the list, also after an error, so that what was printed is valid."""
        if self._is_wanted and (self._count or kind is None):
            print_text("\n]\n" if self._count else "[]\n")


class CsvWriter:
    """Writer of a CSV file, which is complete or does not exist.

    `window` is `all` for the mean over a file.
    """

    def __init__(self, path: Path | None, topk: int) -> None:
        self._path, self._topk, self._stack = path, topk, ExitStack()

    def __enter__(self) -> "CsvWriter":
        if self._path is not None:
            from avme.io.atomic import replacing

            temporary = self._stack.enter_context(replacing(self._path))
            file = self._stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
            self._rows = csv.writer(file, lineterminator="\n")
            self._rows.writerow(HEADER)
        return self

    def add(self, made: "Prediction") -> None:
        """Write the rows of a file, and of its windows."""
        if self._path is None:
            return
        end = None if made.seconds is None else round(made.seconds, 3)
        self._add((made.name, "all", 0.0, end), made.top(self._topk))
        for window in made.windows:
            times = round(window.start_seconds, 3), round(window.end_seconds, 3)
            self._add((made.name, window.index, *times), window.top[: self._topk])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Rename the file; after an error it is dropped."""
        self._stack.__exit__(kind, error, trace)

    def _add(self, first: tuple[Any, ...], top: "Ranked") -> None:
        for number, (name, probability) in enumerate(top, 1):
            cells = (*first, number, name, round(probability, 6))
            self._rows.writerow(map(_cell, cells))


def _whole(name: str) -> str:
    """Return a file name with the bytes that are no text, which JSON cannot store, escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _cell(value: Any) -> object:
    """Return a cell that is text to spreadsheets, without control characters."""
    return escape_formula(escape_text(value)) if isinstance(value, str) else value


def _moment(seconds: float) -> str:
    """Format a time in a file as 1:02:03.4 or 2:03.4."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes}:{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{rest // 10:02d}.{rest % 10}" if hours else clock
