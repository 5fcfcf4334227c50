"""Checkpoint files: tensors and plain values, atomic, read without unpickling."""

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

from avme.checkpoint.schema import FORMAT, require_content, require_format
from avme.errors import ArtifactError
from avme.io.atomic import replacing
from avme.system.torch_errors import cannot_write, system_error

LAST, PREVIOUS = "last", "previous"
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
    """State of a run, to resume it or to start a later stage from."""

    stage: str
    """`pretrain` or `finetune`."""
    config: dict[str, Any]
    """Resolved settings of the run, without those of Slurm."""
    facts: dict[str, Any]
    """Metadata besides the settings: preset, classes, data fingerprint, hash of the train list."""
    step: int
    """Number of optimizer steps."""
    model: dict[str, Tensor]
    optimizer: dict[str, Any] = field(default_factory=dict)
    """Empty if the checkpoint is only for evaluation or as initialization."""
    best: dict[str, float] = field(default_factory=dict)
    """Metrics of the best epoch so far, by the validation list."""
    meter: dict[str, Any] = field(default_factory=dict)
    """Sums since the last line of metrics.jsonl."""
    average: dict[str, Any] = field(default_factory=dict)
    """`tensors` and number of `updates` of the moving average of `model`, if enabled."""
    scaler: dict[str, Any] = field(default_factory=dict)
    """State of the loss scaler, if the run computes in float16."""

    @property
    def weights(self) -> dict[str, Tensor]:
        """Weights to evaluate or start from: averaged ones if available, else the model."""
        tensors: dict[str, Tensor] = self.average.get("tensors", self.model)
        return tensors


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, previous: Path | None = None) -> None:
    """Write the file atomically.

    At every moment `path` or `previous` is complete.

    Args:
        path: File to write.
        checkpoint: Content.
        previous: Path that the replaced file gets, if any.

    Raises:
        SystemRequirementError: The disk is full or the folder not writable.
    """
    content = {"format": FORMAT} | {f.name: getattr(checkpoint, f.name) for f in fields(checkpoint)}
    try:
        with replacing(path) as temporary:
            with temporary.open("wb") as file:  # given a path, torch reports no errno
                torch.save(content, file)
            if previous is not None and path.exists():
                keep_as(path, previous)
    except (OSError, RuntimeError) as error:
        system = system_error(error)
        if system is None:
            raise
        raise cannot_write(path, system, num_bytes=_num_bytes(content)) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint to the CPU; raises ArtifactError if it is not a valid one."""
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
    if not isinstance(content, dict) or "format" not in content:
        raise ArtifactError(
            f"{path} is not a checkpoint of avme: expected the keys {sorted(names)}"
        )
    require_format(content.pop("format"), path)
    if set(content) != names:
        raise ArtifactError(
            f"{path} is not a checkpoint of avme: expected the keys {sorted(names)}"
        )
    try:
        require_content(content)
    except ValueError as error:
        raise ArtifactError(
            f"{path} has invalid content ({error}): take another checkpoint of the run, or copy "
            "the file again"
        ) from error
    return Checkpoint(**content)


def newest_checkpoint(run: Path, warn: Callable[[str], None]) -> Checkpoint:
    """Return the newest readable checkpoint of a run.

    A damaged one is skipped with a warning. Raises ArtifactError if none is readable.
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
        broken = f"{last} is missing"
    numbered = sorted(folder.glob("step-*.pt"), key=_step_of, reverse=True)
    others = [*_readable([previous]), *_readable(numbered)]
    if not others:
        return load_checkpoint(find_checkpoint(run, LAST))
    path, checkpoint = max(others, key=lambda other: other[1].step)
    warn(f"warning: {broken}; continuing from {path.name}")
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
    """Return the first readable checkpoint, if any."""
    for path in paths:
        if path.is_file():
            with suppress(ArtifactError):
                return [(path, load_checkpoint(path))]
    return []


def keep_as(path: Path, previous: Path) -> None:
    """Link `path` as `previous` too, unless `path` is damaged; `path` stays."""
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
    """Delete all step-N.pt except the newest `keep`."""
    for path in sorted(folder.glob("step-*.pt"), key=_step_of, reverse=True)[keep:]:
        path.unlink()


def require_whole(path: Path) -> None:
    """Check the CRC of every record, which torch does not.

    A file whose declared sizes exceed its length, as with compressed records, which torch does not
    write, is refused before it is read.

    Raises:
        BadZipFile: A checksum is wrong.
        zlib.error: A record cannot be decompressed.
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
    """Return `path` if it is a file, else the first checkpoint of these names in a run folder.

    `checkpoints/` below the folder is searched too. Raises ArtifactError if there is none.
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
