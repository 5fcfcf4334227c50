"""Checkpoints: plain tensors and plain values, whole or not there, read without unpickling."""

import pickle
import warnings
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avme.artifacts import replacing
from avme.errors import ArtifactError

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """All that a run needs to go on, or a later stage to start from."""

    stage: str
    """`pretrain` or `finetune`."""
    config: dict[str, Any]
    """The resolved settings of the run."""
    facts: dict[str, Any]
    """What the settings do not say: preset, classes, data fingerprint, hash of the train list."""
    step: int
    """Optimiser steps that were made."""
    model: dict[str, Tensor]
    optimizer: dict[str, Any] = field(default_factory=dict)
    """Empty where the checkpoint is only to be evaluated or started from."""
    best: dict[str, float] = field(default_factory=dict)
    """Figures of the best epoch so far, by the validation list."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file under another name, flushes it and renames it."""
    content = {"format": FORMAT} | {f.name: getattr(checkpoint, f.name) for f in fields(checkpoint)}
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint onto the CPU; raises ArtifactError where it is none of ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of foreign pickles before it refuses them
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ArtifactError(f"checkpoint {path} does not exist") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ArtifactError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): expected a file that "
            "`avme pretrain` or `avme finetune` wrote"
        ) from error
    names = {f.name for f in fields(Checkpoint)}
    if not isinstance(content, dict) or set(content) != names | {"format"}:
        raise ArtifactError(f"{path} is no checkpoint of avme: expected the keys {sorted(names)}")
    if content.pop("format") != FORMAT:
        raise ArtifactError(f"{path} was written by another version of avme, expected {FORMAT}")
    return Checkpoint(**content)


def find_checkpoint(path: Path, *names: str) -> Path:
    """`path` itself if it is a file, else the first of a run folder's checkpoints by these names.

    Raises ArtifactError where there is none.
    """
    if path.is_file():
        return path
    inside = [path / "checkpoints" / f"{name}.pt" for name in names]
    for candidate in inside:
        if candidate.is_file():
            return candidate
    if path.is_dir():
        raise ArtifactError(f"{path} holds no checkpoint: expected {inside[0]}")
    raise ArtifactError(f"checkpoint {path} does not exist: give a .pt file or a run folder")
