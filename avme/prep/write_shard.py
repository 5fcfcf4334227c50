"""Task of a prep worker: decode clips and write one shard.

A clip that fails never stops the shard: it becomes a record with a reason. Nothing here imports
torch, and only plain records return to the parent.
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
from avme.media.decode import Recipe, decode
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
"""Unexpected errors of media libraries: they cost the clip, not the run."""


@dataclass(frozen=True, slots=True)
class LabeledClip:
    """Source clip with its class index."""

    clip: SourceClip
    label: int


@dataclass(frozen=True, slots=True)
class ShardTask:
    """Complete description of a shard to write."""

    name: str
    folder: Path
    """Folder of the shard."""
    work: Path
    """Folder for temporary files; the task creates and removes its own inside."""
    clips: tuple[LabeledClip, ...]
    recipe: Recipe
    skip_ids: tuple[str, ...] = ()
    """Ids of clips on which workers died: quarantined without another attempt."""


@dataclass(frozen=True, slots=True)
class ShardDone:
    """Report of a finished shard: a line of `prep.jsonl`."""

    name: str
    sha256: str
    num_bytes: int
    mtime_ns: int
    clips: int
    bad: int
    seconds: float
    ffmpeg: str = ""
    """ffmpeg version that decoded its clips; empty if unknown."""


def write_shard(task: ShardTask) -> ShardDone:
    """Write the shard; the progress file is updated before every clip.

    Raises SystemRequirementError if the disk is full, which is no fault of a clip.
    """
    with writing(task.folder):
        return _write_shard(task)


def _write_shard(task: ShardTask) -> ShardDone:
    began = time.monotonic()
    # Unique: a worker that was considered dead may still write the same shard.
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
                progress_file.write_progress(
                    task.work, task.name, progress_file.ShardProgress(done, clip)
                )
                if clip in task.skip_ids:
                    shard.add_bad(quarantined(labelled.clip, labelled.label, _died(clip)))
                    bad += 1
                else:
                    bad += not _add(labelled, shard, work, recipe)
            progress_file.write_progress(
                task.work, task.name, progress_file.ShardProgress(len(task.clips), None)
            )
            shard.write(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress_file.remove_progress(task.work, task.name)
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
    """Use this machine's ffmpeg if the one that was found belongs to another machine."""
    return recipe if Path(recipe.ffmpeg).is_file() else replace(recipe, ffmpeg=find_ffmpeg())


def _died(clip: str) -> MediaError:
    return MediaError(
        f"{clip}: workers died on it repeatedly (out of memory, or a broken decoder)",
        reason="crashed",
    )


def _add(labelled: LabeledClip, shard: ShardWriter, work: Path, recipe: Recipe) -> bool:
    clip, label, digest = labelled.clip, labelled.label, None
    try:
        digest = hash_unchanged(clip, recipe.timeout_seconds)
        media = decode(clip.path, shard.spool, work=work, recipe=recipe, span=clip.span)
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
    """Return the SHA-256 of the source; raises MediaError if it is missing or changed."""
    try:
        if not clip.path.is_file():  # opening a pipe would block
            raise MediaError(f"{clip.id} is no longer a file: run again", reason="changed")
        digest = _hash_file(clip.path, clip.num_bytes, clip.mtime_ns, timeout_seconds)
    except OSError as error:
        message = f"{clip.id} cannot be read: {error.strerror}"
        raise MediaError(message, reason="unreadable") from error
    _require_unchanged(clip)
    return digest


def _require_unchanged(clip: SourceClip) -> None:
    """Raise MediaError if the source changed since it was planned."""
    try:
        status = clip.path.stat()
    except OSError as error:
        message = f"{clip.id} cannot be read: {error.strerror}"
        raise MediaError(message, reason="unreadable") from error
    if (status.st_size, status.st_mtime_ns) != (clip.num_bytes, clip.mtime_ns):
        raise MediaError(f"{clip.id} changed while it was prepared: run again", reason="changed")


@lru_cache(maxsize=1)  # segments of one long file are consecutive
def _hash_file(path: Path, num_bytes: int, mtime_ns: int, timeout_seconds: float) -> str:
    """Return the SHA-256 of `path` if size and mtime are unchanged."""
    digest = sha256()
    began = time.monotonic()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            if time.monotonic() - began > timeout_seconds:
                raise MediaError(
                    f"{path.name} was not read within {timeout_seconds:g} s: raise timeout_seconds",
                    reason="timeout",
                )
    return digest.hexdigest()
