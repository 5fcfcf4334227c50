"""Locks of a prepared dataset while it is planned, built and published.

A run without partitions holds the folder alone. Partitions share it: they plan and publish one at
a time, and a plan is replaced only while no other partition builds by it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from avme.io.filenames import PLAN
from avme.io.lock import holding
from avme.prep.partition import Partition
from avme.prep.plan_diff import read_previous
from avme.prep.request import Request
from avme.sources.clip_table import ClipTable

_PATIENCE_SECONDS: Final = 3600.0


@contextmanager
def lock_planning(request: Request, clips: ClipTable, locks: ExitStack) -> Iterator[None]:
    """Hold the locks for planning; `locks` then holds those for building.

    Args:
        request: Request, with its folder and partition.
        clips: Clips of the source.
        locks: Receives the locks that are held until the end of the run.

    Raises:
        UsageError: Another run holds the folder or the partition.
    """
    folder, share = request.folder, request.share
    if share is None:
        locks.enter_context(holding(folder))
        yield
        return
    with lock_publishing(folder):
        _require_no_other_count(folder, share)
        # Other partitions build by the plan as it is.
        with holding(folder) if _has_other_files(request, clips) else nullcontext():
            yield
        locks.enter_context(holding(folder, shared=True))
        locks.enter_context(holding(folder, f"parts-of-{share.count}", shared=True))
        locks.enter_context(holding(folder, f"part-{share.index}-of-{share.count}"))


def lock_publishing(folder: Path) -> AbstractContextManager[None]:
    """Hold the lock for planning and publishing, which partitions do one at a time."""
    return holding(folder, "plan", patience_seconds=_PATIENCE_SECONDS)


def _has_other_files(request: Request, clips: ClipTable) -> bool:
    """Return True if an existing plan has other files, mtimes or another source folder."""
    old = read_previous(request.folder / PLAN, clips)
    changes, source = old.changes(), str(request.source.resolve())
    return changes.total + changes.touched > 0 or old.source not in (None, source)


def _require_no_other_count(folder: Path, share: Partition) -> None:
    """Raise UsageError if partitions of another count are at work."""
    for path in folder.glob(".parts-of-*.lock"):
        name = path.name[1:].removesuffix(".lock")
        if name != f"parts-of-{share.count}":
            with holding(folder, name):
                pass
