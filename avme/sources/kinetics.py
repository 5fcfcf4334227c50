"""Layout `kinetics`: `label,youtube_id,time_start,time_end,split[,is_cc]`, one or more files.

A clip is `<id>_<start>_<end>.mp4`, six digits each, or a segment of `<id>.mp4`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from avme.errors import UsageError
from avme.sources.csv_reader import Row, read_table
from avme.sources.splits import SourceResult
from avme.sources.youtube import Annotation, annotation_of, find_annotated

_COLUMNS = ("youtube_id", "time_start", "time_end", "split")


def find_kinetics(source: Path, files: Sequence[Path]) -> SourceResult:
    """Find the annotated clips below `source` and their split: val is tested, or test if labeled.

    Raises UsageError, with the line, for an invalid annotation.
    """
    warnings: list[str] = []
    rows = chain.from_iterable(_labeled_rows(files, warnings))
    found = find_annotated(source, map(_annotation, rows), _trimmed)
    return replace(found, warnings=(*warnings, *found.warnings))


def _labeled_rows(files: Sequence[Path], warnings: list[str]) -> list[Iterator[Row]]:
    """Return the rows of every file with labels; raises UsageError without any."""
    labeled: list[Iterator[Row]] = []
    for file in files:
        rows = read_table(file, _COLUMNS)  # read once: it may be a pipe
        first = next(rows, None)
        if first is not None and "label" not in first.values:
            num_rows = 1 + sum(1 for _ in rows)
            warnings.append(f"{file} has no labels: its {num_rows} videos are left out")
        elif first is not None:
            labeled.append(chain([first], rows))
    if not labeled:
        names = ", ".join(str(file) for file in files)
        raise UsageError(f"found no labelled row in {names}, expected label,youtube_id,...")
    return labeled


def _annotation(row: Row) -> Annotation:
    span = row.span("time_start", "time_end")
    if span is None or span.end_seconds is None:
        raise UsageError(f"{row.location}: found no time_end, expected seconds")
    return annotation_of(row, span)


def _trimmed(annotation: Annotation) -> str:
    end = int(annotation.span.end_seconds or 0)
    return f"{annotation.video}_{int(annotation.span.start_seconds):06d}_{end:06d}"
