"""Layout `csv`: a table of videos, labels and subsets to clips and a split.

Columns: path, label; optionally split (train, val, test), start and end (seconds), group. Other
columns are ignored. Paths are relative to the root and may not leave it. Several rows may select
segments of one file; without a group, all segments of a file are one group.
"""

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avme.config.prep import PrepConfig
from avme.errors import UsageError
from avme.sources.clip_table import ClipTable, ClipTableBuilder, SourceClip
from avme.sources.csv_reader import Row, read_table
from avme.sources.split_strategies import random_splits, splits_by_subset
from avme.sources.splits import MOST_NAMED, SourceResult, explained_by, warn_of_missing_videos
from avme.sources.string_array import StringArray
from avme.sources.video_scan import identifier

REQUIRED = ("path", "label")


@dataclass(frozen=True, slots=True)
class CsvClips:
    """Content of a table, with the files that exist."""

    clips: ClipTable
    missing: StringArray
    """Ids of listed clips whose file does not exist."""
    has_subsets: bool
    """True if there is a column `split`."""
    ungrouped: str | None
    """A file with several segments, not all of them with a group, if that matters."""


@dataclass(frozen=True, slots=True)
class _Entry:
    row: Row
    file: str
    """Path below the root."""
    id: str
    clip: SourceClip | None
    """None if the file does not exist."""


def find_csv(path: Path, root: Path | None, config: PrepConfig) -> SourceResult:
    """Find the listed clips and the split that the table names, else one derived by group.

    Args:
        path: Table.
        root: Folder that paths are relative to; None takes the table's own.
        config: Settings of prep.

    Raises:
        UsageError: The table is invalid, or no listed video exists.
    """
    listing = read_csv_clips(path, root)
    some = nsmallest(MOST_NAMED, listing.missing)
    warnings = [*warn_of_missing_videos(len(listing.missing), some)]
    if listing.has_subsets:
        with explained_by(warnings):
            splits = splits_by_subset(listing.clips, warnings)
    elif listing.ungrouped:
        raise UsageError(
            f"{path}: several cuts of {listing.ungrouped} and no split: add a column split, or a "
            "column group for cuts that belong together"
        )
    else:
        splits = random_splits(listing.clips, config.test_fraction, config.seed, warnings)
    return SourceResult(listing.clips, splits, tuple(warnings))


def read_csv_clips(path: Path, root: Path | None) -> CsvClips:
    """Read the table; `root` is its own folder unless given.

    Raises UsageError, with the line, for an invalid value, a path that leaves the root and a
    repeated clip; and if no listed video exists.
    """
    folder = path.parent if root is None else root
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder, expected the one that paths count from")
    clips, missing, has_parts = ClipTableBuilder(folder.resolve()), StringArray(), False
    ids, files, grouped = array("q"), array("q"), array("b")
    for entry in _entries(path, folder):
        ids.append(hash(entry.id))
        files.append(hash(entry.file))
        grouped.append(bool(entry.row.values.get("group")))
        has_parts = "split" in entry.row.values
        if entry.clip is None:
            missing.append(entry.id.encode())
        else:
            clips.add(entry.clip)
    if not ids:
        raise UsageError(f"{path} has no rows below its header, expected a row for every video")
    _require_distinct(path, folder, np.array(ids, dtype=np.int64))
    if not len(clips):
        some = f", as {min(missing)}" if len(missing) else ""
        raise UsageError(
            f"{path}: none of its {len(ids)} videos is below {folder}{some}: "
            "give their folder with --root"
        )
    ungrouped = None
    if not has_parts:
        numbers = np.array(files, dtype=np.int64), np.array(grouped, dtype=np.int8)
        ungrouped = _ungrouped(path, folder, *numbers)
    return CsvClips(clips.build(), missing, has_parts, ungrouped)


def _entries(path: Path, folder: Path) -> Iterator[_Entry]:
    return (_entry(row, folder) for row in read_table(path, REQUIRED))


def _entry(row: Row, folder: Path) -> _Entry:
    file, target = _inside(row, folder)
    file_id = identifier(Path(file).as_posix())
    span = row.span("start", "end")
    clip_id = f"{file_id}#{span}" if span else file_id
    path = folder.resolve() / file
    clip = SourceClip(
        id=clip_id,
        path=path,
        class_name=identifier(row.text("label")),
        group=identifier(row.values.get("group") or target),
        subset=row.subset("split") if "split" in row.values else None,
        num_bytes=0,
        mtime_ns=0,
        span=span,
        is_listed=True,
    )
    try:
        status = path.stat() if path.is_file() else None
    except OSError:  # name too long, or folder not readable
        status = None
    if status is None:
        return _Entry(row, file, clip_id, None)
    there = replace(clip, num_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
    return _Entry(row, file, clip_id, there)


def _inside(row: Row, folder: Path) -> tuple[str, str]:
    """Return the row's path below `folder`, and that of the file it resolves to.

    Raises UsageError if it leaves the folder, also through symlinks.
    """
    text = row.text("path").replace("\\", "/")
    if "\0" in text:
        raise UsageError(f"{row.location}: found a path with a zero byte, expected a file")
    real = folder.resolve()
    for base in (real, Path(os.path.abspath(folder))):
        name = os.path.relpath(base / text, base)
        target = _followed(real / name)
        if name.split(os.sep)[0] != os.pardir and target.is_relative_to(real):
            return name, target.relative_to(real).as_posix()
    raise UsageError(
        f"{row.location}: found the path {text}, expected one inside {folder}: see --root"
    )


def _followed(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # name too long, or a circular symlink: missing
        return path


def _require_distinct(path: Path, folder: Path, ids: NDArray[np.int64]) -> None:
    """Raise UsageError if a clip is repeated; only then is the table read again."""
    values, counts = np.unique(ids, return_counts=True)
    repeated = set(values[counts > 1].tolist())
    lines: dict[str, int] = {}
    for entry in _entries(path, folder) if repeated else ():
        if entry.id in lines:
            raise UsageError(
                f"{entry.row.location}: {entry.id} is already in line {lines[entry.id]}: delete one"
            )
        if hash(entry.id) in repeated:
            lines[entry.id] = entry.row.line


def _ungrouped(
    path: Path, folder: Path, files: NDArray[np.int64], grouped: NDArray[np.int8]
) -> str | None:
    """Return the first file with more segments than groups; only then is the table read again."""
    values, numbers, cuts = np.unique(files, return_inverse=True, return_counts=True)
    groups = np.bincount(numbers, weights=grouped)
    few = set(values[cuts > np.maximum(1, groups)].tolist())
    if not few:
        return None
    return min(entry.file for entry in _entries(path, folder) if hash(entry.file) in few)
