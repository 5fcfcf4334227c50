"""Checks of arguments without torch: they fail in a fraction of a second.

The stages repeat them, with those that need torch, for direct callers.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avme.errors import ArtifactError, SystemRequirementError, UsageError
from avme.io.atomic import read_json
from avme.io.exported_graph import require_no_graph
from avme.io.filenames import DATASET_MANIFEST, EXPORT
from avme.io.lock import is_held
from avme.io.run_status import RUN_LOCK, require_finished_run, require_openable
from avme.io.symlinks import require_no_links
from avme.system.gpu import may_have_cuda

_WEIGHTS: Final = (".pt", ".pth", ".bin", ".safetensors")


def require_split(dataset: Path | None, split: str | None) -> None:
    """Raise UsageError if a dataset has no such split; None is not checked."""
    if dataset is None or split is None:
        return
    require_no_links(dataset)
    manifest = read_json(dataset / DATASET_MANIFEST)
    splits = manifest.get("splits")
    known = list(splits) if isinstance(splits, dict) else [split]
    if split not in known:
        raise UsageError(
            f"{manifest.get('name')} has no split {split!r}: it has {', '.join(known)}"
        )


def require_device(device: str | None) -> None:
    """Raise SystemRequirementError if CUDA is requested and this machine has none."""
    if device == "cuda" and not may_have_cuda():
        raise SystemRequirementError(
            "device cuda: torch sees no CUDA device on this machine: use --device cpu"
        )


def require_modes(audio: str, frames: str, degrade: Sequence[str]) -> None:
    """Raise UsageError if a mode of audio or frames, or a degradation is unknown.

    Args:
        audio: Mode of the audio.
        frames: Mode of the frames.
        degrade: Degradations.
    """
    from avme.corruptions.degradation import parse_degradation
    from avme.evaluation.controls.mode_names import parse_audio_mode, parse_frame_mode

    parse_audio_mode(audio)
    parse_frame_mode(frames)
    for text in degrade:
        parse_degradation(text)


def require_gpus(wanted: int | None) -> None:
    """Raise SystemRequirementError if GPUs are requested and this machine has none."""
    if wanted is not None and not may_have_cuda():
        raise SystemRequirementError(
            f"--gpus {wanted} asks for more GPUs than this machine has (0): "
            "ask for fewer, or give --device cpu"
        )


def require_run_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise the errors of `open_run` without changing the folder.

    Ranks other than 0 skip it, as rank 0 may have opened the folder.

    Args:
        folder: Run folder.
        resume: Continue the run in it.
        overwrite: Replace the run in it.
    """
    if "RANK" in os.environ or (folder.is_dir() and is_held(folder, RUN_LOCK)):
        return
    require_openable(folder, resume=resume, overwrite=overwrite)


def require_weights(path: Path | None) -> None:
    """Raise ArtifactError if weights do not exist, or their run has not finished or has none."""
    if path is None:
        return
    if not path.exists():
        raise ArtifactError(f"{path} does not exist: expected a file or folder of weights")
    require_no_graph(path)
    if path.is_dir() and not (path / "config.json").is_file():
        require_finished_run(path)
        files = (*path.iterdir(), *path.glob("*/*.pt"))
        if not any(file.suffix in _WEIGHTS for file in files):
            require_checkpoints(path, "best")


def require_class_names(file: Path | None) -> None:
    """Raise ArtifactError if a file of class names does not exist or is empty."""
    if file is None:
        return
    from avme.weights.class_names import names_in_file

    names_in_file(file)


def require_checkpoints(run: Path, wanted: str = "last") -> None:
    """Raise ArtifactError if a run folder has no checkpoint; the message names `wanted`.

    Exported folders are told by what they are.
    """
    require_no_graph(run)
    if (run / EXPORT).is_file() and (run / "weights.safetensors").is_file():
        raise ArtifactError(
            f"{run} holds exported weights (expected a run with checkpoints): give them by --init"
        )
    folder = run if run.name == "checkpoints" else run / "checkpoints"
    if run.is_dir() and not any(folder.glob("*.pt")):
        raise ArtifactError(f"{run} holds no checkpoint: expected {folder / wanted}.pt")
