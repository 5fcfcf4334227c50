"""The unit of work of `prep`: some clips in, one shard out, wherever it runs.

A bad clip never stops the shard: it becomes a record with a reason. Nothing here imports torch,
and nothing but plain records crosses back to the parent.
"""

import os
import shutil
import socket
import threading
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from avme.errors import MediaError
from avme.io.disk import writing
from avme.io.hashing import sha256_of
from avme.media.decode import Recipe, extract
from avme.media.ffmpeg.messages import without_addresses, without_folders
from avme.media.ffmpeg.process import ffmpeg_version, find_ffmpeg
from avme.prep import progress_file
from avme.shards.record import quarantined, record_of
from avme.shards.writer import ShardWriter
from avme.sources.clip_table import SourceClip

_PIECE_BYTES = 1024 * 1024
_UNFORESEEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
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
    given_up: tuple[str, ...] = ()
    """Ids of clips that workers died on: they are named, and not tried again."""


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
    ffmpeg: str = ""
    """The version that decoded its clips; empty if unknown."""


def pack(task: ShardTask) -> ShardDone:
    """Writes the shard; says in its mark, before every clip, how far it is.

    Raises MachineError if the disk is full: a clip is then not to blame.
    """
    with writing(task.folder):
        return _pack(task)


def _pack(task: ShardTask) -> ShardDone:
    began = time.monotonic()
    # Its own, even if a worker that was thought dead still goes on with the same shard.
    work = task.work / f"{task.name}.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    path = task.folder / task.name
    recipe = _here(task.recipe)
    version = ffmpeg_version(recipe.ffmpeg)
    bad = 0
    try:
        with ShardWriter(work / "spool", recipe.num_cepstra, version) as shard:
            for done, labelled in enumerate(task.clips):
                clip = labelled.clip.id
                progress_file.put(task.work, task.name, progress_file.Mark(done, clip))
                if clip in task.given_up:
                    shard.add_bad(quarantined(labelled.clip, labelled.label, _died(clip)))
                    bad += 1
                else:
                    bad += not _add(labelled, shard, work, recipe)
            progress_file.put(task.work, task.name, progress_file.Mark(len(task.clips), None))
            shard.write(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress_file.remove(task.work, task.name)
    status = path.stat()
    return ShardDone(
        name=task.name,
        sha256=sha256_of(path),
        num_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        clips=len(task.clips) - bad,
        bad=bad,
        seconds=round(time.monotonic() - began, 3),
        ffmpeg=version,
    )


def _here(recipe: Recipe) -> Recipe:
    """With this machine's ffmpeg, where the one that was found is another machine's."""
    return recipe if Path(recipe.ffmpeg).is_file() else replace(recipe, ffmpeg=find_ffmpeg())


def _died(clip: str) -> MediaError:
    return MediaError(
        f"{clip}: workers died on it again and again (out of memory, or a broken decoder)",
        reason="crashed",
    )


def _add(labelled: LabelledClip, shard: ShardWriter, work: Path, recipe: Recipe) -> bool:
    clip, label, digest = labelled.clip, labelled.label, None
    try:
        digest = hash_unchanged(clip, recipe.timeout_seconds)
        media = extract(clip.path, shard.spool, work=work, recipe=recipe, span=clip.span)
        _require_unchanged(clip)
    except MediaError as error:
        shard.add_bad(quarantined(clip, label, error, digest))
        return False
    except _UNFORESEEN as error:
        said = without_folders(str(error), clip.path.parent, work)
        message = f"{clip.id}: {type(error).__name__}: {without_addresses(said)}"
        named = MediaError(message, reason="unforeseen")
        shard.add_bad(quarantined(clip, label, named, digest))
        return False
    shard.add(record_of(clip, label, digest, media), media)
    return True


def hash_unchanged(clip: SourceClip, timeout_seconds: float) -> str:
    """SHA-256 of the source; raises MediaError if it is gone or no longer what was planned."""
    try:
        if not clip.path.is_file():  # opening a pipe would wait for ever
            raise MediaError(f"{clip.id} is no file any more: run again", reason="changed")
        digest = _hash_file(clip.path, clip.num_bytes, clip.mtime_ns, timeout_seconds)
    except OSError as error:
        message = f"{clip.id} cannot be read: {error.strerror}"
        raise MediaError(message, reason="unreadable") from error
    _require_unchanged(clip)
    return digest


def _require_unchanged(clip: SourceClip) -> None:
    """Raises MediaError if the source is no longer what was planned."""
    try:
        status = clip.path.stat()
    except OSError as error:
        message = f"{clip.id} cannot be read: {error.strerror}"
        raise MediaError(message, reason="unreadable") from error
    if (status.st_size, status.st_mtime_ns) != (clip.num_bytes, clip.mtime_ns):
        raise MediaError(f"{clip.id} changed while it was prepared: run again", reason="changed")


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
