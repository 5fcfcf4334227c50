"""How far a worker has come in a shard, left where it can be read when the worker is dead.

One small file per shard in work, replaced before every clip.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from avme.io.strict_json import parse_json


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a shard."""

    done: int
    """Clips that are behind it."""
    clip: str | None
    """Id of the clip in work; None between the last clip and the shard's end."""


def put(work: Path, shard: str, mark: Mark) -> None:
    """Leaves `mark` for `shard`; whoever reads it gets this or an earlier one, never a part."""
    path = _path(work, shard)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.unlink(missing_ok=True)  # of a process that was killed
    with temporary.open("x", encoding="utf-8") as file:
        file.write(json.dumps([mark.done, mark.clip]))
    temporary.replace(path)


def read(work: Path, shard: str) -> Mark | None:
    """The last mark of `shard`; None if nobody has begun it."""
    try:
        done, clip = parse_json(_path(work, shard).read_bytes())
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(done, int) or not isinstance(clip, str | None):
        return None
    return Mark(done, clip)


def remove(work: Path, shard: str) -> None:
    """Takes the mark away."""
    _path(work, shard).unlink(missing_ok=True)


def _path(work: Path, shard: str) -> Path:
    return work / f"{shard}.now"
