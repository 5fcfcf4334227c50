"""Warnings about a source before its clips are prepared."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

import numpy as np

from avme.errors import UsageError
from avme.sources.clip_table import Catalog
from avme.sources.splits import Split

MOST_NAMED: Final = 5


def remarks_on_missing(count: int, names: Iterable[str]) -> tuple[str, ...]:
    """Return a warning about listed videos that do not exist, if any."""
    if not count:
        return ()
    some = ", ".join(islice(names, MOST_NAMED)) + (", ..." if count > MOST_NAMED else "")
    return (f"{count} listed videos are not on the disk and are left out: {some}",)


def warn_of_unlisted_classes(splits: Iterable[Split], clips: Catalog) -> tuple[str, ...]:
    """Return a warning if no list names a clip of some class."""
    places = [side.places for split in splits for side in (split.train, split.test)]
    listed = set(np.unique(clips.labels[np.concatenate(places)]).tolist())
    names = [name for label, name in enumerate(clips.class_names) if label not in listed]
    if not names:
        return ()
    some = ", ".join(names[:MOST_NAMED]) + (", ..." if names[MOST_NAMED:] else "")
    return (
        f"warning: no list names a clip of {len(names)} classes ({some}): are their folders named "
        "otherwise?",
    )


@contextmanager
def explained_by(remarks: Iterable[str]) -> Iterator[None]:
    """Add earlier warnings to a UsageError, as they may be its cause."""
    try:
        yield
    except UsageError as error:
        raise UsageError("; ".join([str(error), *remarks])) from error
