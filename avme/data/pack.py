"""The unit of work of `prep`: some clips in, one shard out, in a process of its own.

A bad clip never stops the shard: it becomes a record with a reason. Nothing here imports torch,
and nothing but plain records crosses back to the parent.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from avme.artifacts import sha256_of
from avme.data.discover import SourceClip
from avme.data.record import quarantined, record_of
from avme.data.shard import ShardWriter
from avme.errors import MediaError
from avme.media.extract import Recipe, extract

_PIECE_BYTES = 1024 * 1024
_UNFORESEEN = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
"""What a library may throw at media that nobody thought of: it costs the clip, not the run."""


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A source clip with the number of its class."""

    clip: SourceClip
    label: int


@dataclass(frozen=True, slots=True)
class ShardTask:
    """Everything that a worker must know to write one shard."""

    name: str
    folder: Path
    """Where the shard goes."""
    work: Path
    """A folder for temporary files; the task makes and removes its own in it."""
    clips: tuple[LabelledClip, ...]
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class ShardDone:
    """What a worker reports of a finished shard: a line of `prep.jsonl`."""

    name: str
    sha256: str
    num_bytes: int
    mtime_ns: int
    clips: int
    bad: int
    seconds: float


def pack(task: ShardTask, count: Callable[[int], None]) -> ShardDone:
    """Writes the shard; tells `count` how many clips are done so far."""
    began = time.monotonic()
    work = task.work / task.name
    shutil.rmtree(work, ignore_errors=True)  # left behind by a killed run
    work.mkdir(parents=True)
    path = task.folder / task.name
    bad = 0
    try:
        with ShardWriter(work / "spool", task.recipe.num_cepstra) as shard:
            for done, labelled in enumerate(task.clips, start=1):
                bad += not _add(labelled, shard, work, task.recipe)
                count(done)
            shard.write(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    status = path.stat()
    return ShardDone(
        name=task.name,
        sha256=sha256_of(path),
        num_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        clips=len(task.clips) - bad,
        bad=bad,
        seconds=round(time.monotonic() - began, 3),
    )


def _add(labelled: LabelledClip, shard: ShardWriter, work: Path, recipe: Recipe) -> bool:
    clip, label = labelled.clip, labelled.label
    try:
        digest = _hash_unchanged(clip, recipe.timeout_seconds)
        media = extract(clip.path, shard.spool, work=work, recipe=recipe, span=clip.span)
    except MediaError as error:
        shard.add_bad(quarantined(clip, label, error))
        return False
    except _UNFORESEEN as error:
        named = MediaError(f"{clip.id}: {type(error).__name__}: {error}", reason="unforeseen")
        shard.add_bad(quarantined(clip, label, named))
        return False
    shard.add(record_of(clip, label, digest, media), media)
    return True


def _hash_unchanged(clip: SourceClip, timeout_seconds: float) -> str:
    """SHA-256 of the source; raises MediaError if it is gone or no longer what was planned."""
    try:
        if not clip.path.is_file():  # opening a pipe would wait for ever
            raise MediaError(f"{clip.id} is no file any more: run again", reason="changed")
        digest = _hash_file(clip.path, clip.num_bytes, clip.mtime_ns, timeout_seconds)
        status = clip.path.stat()
    except OSError as error:
        message = f"{clip.id} cannot be read: {error.strerror}"
        raise MediaError(message, reason="unreadable") from error
    if (status.st_size, status.st_mtime_ns) != (clip.num_bytes, clip.mtime_ns):
        raise MediaError(f"{clip.id} changed while it was prepared: run again", reason="changed")
    return digest


@lru_cache(maxsize=1)  # cuts of one long file follow each other
def _hash_file(path: Path, num_bytes: int, mtime_ns: int, timeout_seconds: float) -> str:
    """SHA-256 of `path` as long as size and time are these."""
    digest = sha256()
    began = time.monotonic()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            if time.monotonic() - began > timeout_seconds:
                raise MediaError(
                    f"{path.name} was not read after {timeout_seconds:g} s: raise timeout_seconds",
                    reason="timeout",
                )
    return digest.hexdigest()
