"""Layout `vggsound`: rows of YouTube id, start in seconds, label, train or test, no header.

A clip is 10 s long: `<id>_<start>.mp4`, six digits, or a segment of `<id>.mp4`.
"""

from itertools import chain
from pathlib import Path

from avme.errors import UsageError
from avme.media.span import Span
from avme.sources.csv_reader import Row, read_columns
from avme.sources.splits import SourceResult
from avme.sources.youtube import Annotation, annotation_of, find_annotated

_COLUMNS = ("youtube_id", "start", "label", "split")
_CLIP_SECONDS = 10.0


def find_vggsound(source: Path, file: Path) -> SourceResult:
    """Find the annotated clips below `source` and the official split.

    Raises UsageError, with the line, for an invalid annotation.
    """
    rows = read_columns(file, _COLUMNS)  # read once: it may be a pipe
    first = next(rows, None)
    if first is None:
        raise UsageError(f"{file} is empty, expected rows of {', '.join(_COLUMNS)}")
    return find_annotated(source, map(_annotation, chain([first], rows)), _trimmed)


def _annotation(row: Row) -> Annotation:
    start = row.seconds("start")
    if start is None:
        raise UsageError(f"{row.location}: start is empty, expected seconds")
    return annotation_of(row, Span(start, start + _CLIP_SECONDS))


def _trimmed(annotation: Annotation) -> str:
    return f"{annotation.video}_{int(annotation.span.start_seconds):06d}"
