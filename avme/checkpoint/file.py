"""Checkpoints: plain tensors and plain values, whole or not there, read without unpickling."""

import errno
import os
import pickle
import shutil
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avme.checkpoint.schema import require_content
from avme.errors import ArtifactError
from avme.io.atomic import replacing
from avme.system.torch_errors import cannot_write, system_error

FORMAT = 2
LAST, PREVIOUS = "last", "previous"
_LATER = {"average", "scaler"}
"""Fields that checkpoints of earlier versions lack."""
_UNREADABLE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    struct.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """All that a run needs to go on, or a later stage to start from."""

    stage: str
    """`pretrain` or `finetune`."""
    config: dict[str, Any]
    """The resolved settings of the run, without what was asked of Slurm."""
    facts: dict[str, Any]
    """What the settings do not say: preset, classes, data fingerprint, hash of the train list."""
    step: int
    """Optimiser steps that were made."""
    model: dict[str, Tensor]
    optimizer: dict[str, Any] = field(default_factory=dict)
    """Empty where the checkpoint is only to be evaluated or started from."""
    best: dict[str, float] = field(default_factory=dict)
    """Figures of the best epoch so far, by the validation list."""
    meter: dict[str, Any] = field(default_factory=dict)
    """What was summed since the last line of metrics.jsonl."""
    average: dict[str, Any] = field(default_factory=dict)
    """`tensors` and number of `updates` of the moving average of `model`, where one is kept."""
    scaler: dict[str, Any] = field(default_factory=dict)
    """State of the loss scale, where the run computes in float16."""

    @property
    def weights(self) -> dict[str, Tensor]:
        """What to evaluate or start from: averaged weights where they are kept, else the model."""
        tensors: dict[str, Tensor] = self.average.get("tensors", self.model)
        return tensors


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, previous: Path | None = None) -> None:
    """Writes the file under another name, flushes it and renames it.

    What was there is kept as `previous` if one is given; at every moment one of the two is whole.
    Raises MachineError where the disk is full or the folder cannot be written.
    """
    content = {"format": FORMAT} | {f.name: getattr(checkpoint, f.name) for f in fields(checkpoint)}
    try:
        with replacing(path) as temporary:
            with temporary.open("wb") as file:  # of a path, torch reports no errno
                torch.save(content, file)
            if previous is not None and path.exists():
                keep_as(path, previous)
    except (OSError, RuntimeError) as error:
        system = system_error(error)
        if system is None:
            raise
        raise cannot_write(path, system, num_bytes=_num_bytes(content)) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint onto the CPU; raises ArtifactError where it is none of ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of foreign pickles before it refuses them
            require_whole(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ArtifactError(f"checkpoint {path} does not exist") from None
    except _UNREADABLE as error:
        raise ArtifactError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): expected a file that "
            "`avme pretrain` or `avme finetune` wrote"
        ) from error
    names = {f.name for f in fields(Checkpoint)}
    if not isinstance(content, dict) or set(content) | _LATER != names | {"format"}:
        raise ArtifactError(f"{path} is no checkpoint of avme: expected the keys {sorted(names)}")
    if content.pop("format") != FORMAT:
        raise ArtifactError(f"{path} was written by another version of avme, expected {FORMAT}")
    try:
        require_content(content)
    except ValueError as error:
        raise ArtifactError(
            f"{path} holds what no run writes ({error}): take another checkpoint of the run, or "
            "copy the file again"
        ) from error
    return Checkpoint(**content)


def newest_checkpoint(run: Path, warn: Callable[[str], None]) -> Checkpoint:
    """The checkpoint to go on from: the newest of a run that can be read.

    One that is torn or corrupt is passed over with a warning. Raises ArtifactError where none is
    left.
    """
    folder = run / "checkpoints"
    if not any(folder.glob("*.pt")):
        raise ArtifactError(
            f"{run} ended before its first checkpoint: start it again with --overwrite"
        )
    last, previous = (folder / f"{name}.pt" for name in (LAST, PREVIOUS))
    if last.is_file():
        try:
            return load_checkpoint(last)
        except ArtifactError as error:
            broken = str(error)
    else:
        broken = f"{last} is gone"
    numbered = sorted(folder.glob("step-*.pt"), key=_step_of, reverse=True)
    others = [*_readable([previous]), *_readable(numbered)]
    if not others:
        return load_checkpoint(find_checkpoint(run, LAST))
    path, checkpoint = max(others, key=lambda other: other[1].step)
    warn(f"warning: {broken}; going on from {path.name}")
    return checkpoint


def _num_bytes(content: Any) -> int:
    """Return the size of all tensors in nested dicts and lists."""
    if isinstance(content, Tensor):
        return content.numel() * content.element_size()
    if isinstance(content, dict):
        return sum(_num_bytes(value) for value in content.values())
    if isinstance(content, list | tuple):
        return sum(_num_bytes(value) for value in content)
    return 0


def _readable(paths: Iterable[Path]) -> list[tuple[Path, Checkpoint]]:
    """The first of them that can be read, if any."""
    for path in paths:
        if path.is_file():
            with suppress(ArtifactError):
                return [(path, load_checkpoint(path))]
    return []


def keep_as(path: Path, previous: Path) -> None:
    """Lets `previous` be what `path` is too, unless `path` is damaged; `path` stays."""
    try:
        require_whole(path)
    except _UNREADABLE:
        return
    with replacing(previous) as temporary:
        temporary.unlink()
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, temporary)


def prune(folder: Path, keep: int) -> None:
    """Deletes all step-N.pt but the newest `keep`."""
    for path in sorted(folder.glob("step-*.pt"), key=_step_of, reverse=True)[keep:]:
        path.unlink()


def require_whole(path: Path) -> None:
    """Raises BadZipFile or zlib.error where a checksum is wrong, which torch does not look at.

    A file of which more is declared than it has bytes, as of one with compressed parts, which
    torch does not write, is refused before any of it is read.
    """
    try:
        with zipfile.ZipFile(path) as file:
            parts = file.infolist()
            is_plain = all(part.compress_type == zipfile.ZIP_STORED for part in parts)
            if not is_plain or sum(part.file_size for part in parts) > path.stat().st_size:
                raise zipfile.BadZipFile("more is declared than stored")
            broken = file.testzip()
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise zipfile.BadZipFile("a part begins outside of the file") from error
    if broken is not None:
        raise zipfile.BadZipFile(f"{broken} is damaged")


def find_checkpoint(path: Path, *names: str) -> Path:
    """`path` itself if it is a file, else the first by these names of the checkpoints in a run
    folder or in its checkpoints/.

    Raises ArtifactError where there is none.
    """
    if path.is_file():
        return path
    folder = path if path.name == "checkpoints" else path / "checkpoints"
    inside = [folder / f"{name}.pt" for name in names]
    for candidate in inside:
        if candidate.is_file():
            return candidate
    if path.is_dir():
        raise ArtifactError(f"{path} holds no checkpoint: expected {inside[0]}")
    raise ArtifactError(f"checkpoint {path} does not exist: give a .pt file or a run folder")


def _step_of(path: Path) -> int:
    number = path.stem.removeprefix("step-")
    return int(number) if number.isdigit() else -1
