"""Progress file of a shard, written before each clip, so that a crash names its clip."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from avme.io.strict_json import parse_json


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """Progress within a shard."""

    done: int
    """Number of finished clips."""
    clip: str | None
    """Id of the clip in progress; None after the last clip."""


def write_progress(work: Path, shard: str, mark: ShardProgress) -> None:
    """Write the progress atomically.

    Args:
        work: Folder of progress files.
        shard: Name of the shard.
        mark: Progress.
    """
    path = _path(work, shard)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.unlink(missing_ok=True)  # left by a killed process
    with temporary.open("x", encoding="utf-8") as file:
        file.write(json.dumps([mark.done, mark.clip]))
    temporary.replace(path)


def read_progress(work: Path, shard: str) -> ShardProgress | None:
    """Read the progress of a shard; None if it was not started."""
    try:
        done, clip = parse_json(_path(work, shard).read_bytes())
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(done, int) or not isinstance(clip, str | None):
        return None
    return ShardProgress(done, clip)


def remove_progress(work: Path, shard: str) -> None:
    """Delete the progress file."""
    _path(work, shard).unlink(missing_ok=True)


def _path(work: Path, shard: str) -> Path:
    return work / f"{shard}.now"
