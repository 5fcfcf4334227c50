"""Splits and the result of a source, with the warnings that are common to several sources.

Given lists and folders are the reference of the field: if they divide a group, only a warning
follows.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avme.errors import UsageError
from avme.message_text import some_of
from avme.sources.clip_table import ClipTable
from avme.sources.groups import GroupIndex

MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Members(Collection[str]):
    """Sorted ids of one subset, as indices into a table."""

    clips: ClipTable
    indices: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[str]:
        return (self.clips.ids[int(index)] for index in self.indices)

    def __contains__(self, clip_id: object) -> bool:
        index = self.clips.find(clip_id) if isinstance(clip_id, str) else None
        return index is not None and bool((self.indices == index).any())


@dataclass(frozen=True, slots=True)
class Split:
    """Train and test lists of clip ids, both sorted."""

    name: str
    train: Members
    test: Members


@dataclass(frozen=True, slots=True)
class SourceResult:
    """Clips and splits of a source, with warnings about both."""

    clips: ClipTable
    splits: tuple[Split, ...]
    warnings: tuple[str, ...] = ()


@contextmanager
def explained_by(warnings: Iterable[str]) -> Iterator[None]:
    """Add earlier warnings to a UsageError, as they may be its cause."""
    try:
        yield
    except UsageError as error:
        raise UsageError("; ".join([str(error), *warnings])) from error


def split_at(
    name: str, clips: ClipTable, train: NDArray[np.integer], test: NDArray[np.integer]
) -> Split:
    """Return the split with the given indices, which may repeat.

    Args:
        name: Name of the split.
        clips: Table of clips.
        train: Indices of the train list.
        test: Indices of the test list.
    """
    return Split(name, *(Members(clips, np.unique(at).astype(np.int32)) for at in (train, test)))


def find_lists_folder(source: Path, has_lists: Callable[[Path], bool]) -> Path | None:
    """Return the folder in or beside `source` that has split lists; None without one."""
    source = source.resolve()
    for parent in (source, source.parent):
        for folder in (parent, *sorted(path for path in parent.iterdir() if path.is_dir())):
            with suppress(OSError):  # unreadable neighbor
                if has_lists(folder):
                    return folder
    return None


def warn_of_shared_groups(split: Split, groups: GroupIndex) -> tuple[str, ...]:
    """Return a warning if groups occur in both lists of a given split."""
    count, some = groups.shared(split.train.indices, split.test.indices)
    if not count:
        return ()
    named = some_of(some, count=count)
    return (
        f"warning: split {split.name} has {count} groups in train and test ({named}): its accuracy "
        "is overestimated",
    )


def warn_of_missing_videos(count: int, names: Iterable[str]) -> tuple[str, ...]:
    """Return a warning about listed videos that do not exist, if any."""
    if not count:
        return ()
    some = some_of(names, MOST_NAMED, count=count)
    return (f"{count} listed videos are not on the disk and are left out: {some}",)


def warn_of_unlisted_classes(splits: Iterable[Split], clips: ClipTable) -> tuple[str, ...]:
    """Return a warning if no list names a clip of some class."""
    indices = [side.indices for split in splits for side in (split.train, split.test)]
    listed = set(np.unique(clips.labels[np.concatenate(indices)]).tolist())
    names = [name for label, name in enumerate(clips.class_names) if label not in listed]
    if not names:
        return ()
    some = some_of(names, MOST_NAMED)
    return (
        f"warning: no list names a clip of {len(names)} classes ({some}): do their folders have "
        "other names?",
    )
