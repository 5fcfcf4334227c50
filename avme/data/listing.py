"""`avme prep csv`: a table of videos, labels and sides to clips and a split.

Columns: path, label; and, where wanted, split (train, val, test), start and end (seconds), group.
Other columns are ignored. A path counts from the root and may not leave it. Several rows may cut
one file; without a group, all cuts of a file are one.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avme.config.prep import PrepConfig
from avme.data.catalog import Catalog, SourceClip, catalog_of
from avme.data.discover import identifier
from avme.data.splits import Splits, splits_by_chance, splits_by_part
from avme.data.table import Row, read_table
from avme.errors import UsageError

REQUIRED = ("path", "label")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Listing:
    """What a table says, and what of it is there."""

    clips: Catalog
    missing: tuple[str, ...]
    """Ids of listed clips whose file is not on the disk."""
    has_parts: bool
    """Whether there is a column `split`."""
    ungrouped: tuple[str, ...]
    """Files of which several cuts are listed, not all with a group."""


@dataclass(frozen=True, slots=True)
class _Entry:
    row: Row
    file: str
    """The path below the root."""
    id: str
    clip: SourceClip | None
    """None if the file is not there."""


def read_listing(path: Path, root: Path | None) -> Listing:
    """Reads the table; `root` is its own folder unless it is given.

    Raises UsageError, with the line, for a value that cannot be used, a path that leaves the root
    and a clip that is listed twice; and if no listed video is on the disk.
    """
    folder = path.parent if root is None else root
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder, expected the one that paths count from")
    entries = [_entry(row, folder) for row in read_table(path, REQUIRED)]
    _require_distinct(entries)
    clips = [entry.clip for entry in entries if entry.clip is not None]
    missing = [entry.id for entry in entries if entry.clip is None]
    if not clips:
        some = f", as {missing[0]}" if missing else ""
        raise UsageError(
            f"{path}: none of its {len(entries)} videos is below {folder}{some}: "
            "give their folder with --root"
        )
    return Listing(
        clips=catalog_of(clips, folder.resolve()),
        missing=tuple(sorted(missing)),
        has_parts="split" in entries[0].row.values,
        ungrouped=_ungrouped(entries),
    )


def splits_of_listing(path: Path, listing: Listing, config: PrepConfig) -> Splits:
    """The split that the table names, else one drawn by whole groups.

    Raises UsageError if one would be drawn although cuts of one file have no group.
    """
    if listing.has_parts:
        chosen = splits_by_part(listing.clips)
    elif listing.ungrouped:
        raise UsageError(
            f"{path}: several cuts of {listing.ungrouped[0]} and no split: add a column split, or "
            "a column group that says which cuts belong together"
        )
    else:
        chosen = splits_by_chance(listing.clips, config.test_fraction, config.seed)
    return Splits(chosen.splits, (*remarks_on_missing(listing.missing), *chosen.remarks))


def remarks_on_missing(names: Sequence[str]) -> tuple[str, ...]:
    """A sentence on listed videos that are not there, if there are any."""
    if not names:
        return ()
    some = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
    return (f"{len(names)} listed videos are not on the disk and are left out: {some}",)


def _entry(row: Row, folder: Path) -> _Entry:
    file = _inside(row, folder)
    file_id = identifier(Path(file).as_posix())
    span = row.span("start", "end")
    clip_id = f"{file_id}#{span}" if span else file_id
    path = folder.resolve() / file
    clip = SourceClip(
        id=clip_id,
        path=path,
        class_name=identifier(row.text("label")),
        group=identifier(row.values.get("group") or file_id),
        part=row.part("split") if "split" in row.values else None,
        num_bytes=0,
        mtime_ns=0,
        span=span,
        is_listed=True,
    )
    try:
        status = path.stat() if path.is_file() else None
    except OSError:  # a name that is too long, or a folder that may not be read
        status = None
    if status is None:
        return _Entry(row, file, clip_id, None)
    there = replace(clip, num_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
    return _Entry(row, file, clip_id, there)


def _inside(row: Row, folder: Path) -> str:
    """The row's path below `folder`; raises UsageError if it leads out of it, links included."""
    text = row.text("path").replace("\\", "/")
    if "\0" in text:
        raise UsageError(f"{row.place}: found a path with a zero byte, expected a file")
    real = folder.resolve()
    for base in (real, Path(os.path.abspath(folder))):
        name = os.path.relpath(base / text, base)
        if name.split(os.sep)[0] != os.pardir and _is_below(real / name, real):
            return name
    raise UsageError(
        f"{row.place}: found the path {text}, expected one inside {folder}: see --root"
    )


def _is_below(path: Path, real: Path) -> bool:
    try:
        return path.resolve().is_relative_to(real)
    except (OSError, RuntimeError):  # too long, or a link in a circle: it is not there
        return True


def _require_distinct(entries: Sequence[_Entry]) -> None:
    lines: dict[str, int] = {}
    for entry in entries:
        if entry.id in lines:
            raise UsageError(
                f"{entry.row.place}: {entry.id} stands in line {lines[entry.id]} already: "
                "delete one"
            )
        lines[entry.id] = entry.row.line


def _ungrouped(entries: Sequence[_Entry]) -> tuple[str, ...]:
    cuts = Counter(entry.file for entry in entries)
    grouped = Counter(entry.file for entry in entries if entry.row.values.get("group"))
    return tuple(sorted(file for file in cuts if cuts[file] > max(1, grouped[file])))
