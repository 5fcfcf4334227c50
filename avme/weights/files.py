"""A path to plain tensors and what is written beside them, without running what a file says.

Pickles are read with `weights_only`, and beyond tensors only what official files really hold is let
in: an `argparse.Namespace` of settings and NumPy's plain numbers.
"""

import argparse
import json
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from avme.artifacts import read_json, require_finished_run
from avme.errors import ArtifactError, MismatchError
from avme.train.checkpoint import find_checkpoint, require_whole
from avme.weights.names import Form

SIDECAR: Final = "avme"
"""Key under which we note, in files of other forms, what these cannot say."""
_WRAPPERS: Final = ("model", "module")
_PREFIXES: Final = ("_orig_mod.", "module.", "backbone.")
_OURS: Final = {"format", "stage", "config", "facts", "model"}
_FOLDER_FILES: Final = ("model.safetensors", "pytorch_model.bin")
_HARMLESS: Final[list[Any]] = [
    argparse.Namespace,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
    np.dtypes.Int64DType,
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
]
_UNREADABLE: Final = (
    pickle.UnpicklingError,
    SafetensorError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_FOREIGN: Final = re.compile(r"GLOBAL ([\w.]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a file holds, by the file's own names."""

    file: Path
    form: Form
    tensors: dict[str, Tensor]
    wrapping: str
    """How the tensors lay in the file, for people."""
    config: dict[str, Any] = field(default_factory=dict)
    """Hugging Face's config.json, our settings, or our note in an official file."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Of our own files: classes, hashes of data and lists."""


def read_file(path: Path) -> Stored:
    """Reads a .pth, .pt, .bin or .safetensors file, a Hugging Face folder or a run folder.

    Raises ArtifactError where there is none, where it is broken, or holds more than plain data.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise ArtifactError(f"{path} does not exist: expected a file or folder of weights")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _unwrap(path, _unpickle(path))


def _read_folder(path: Path) -> Stored:
    if not (path / "config.json").is_file():
        return read_file(find_checkpoint(require_finished_run(path), "best", "last"))
    for name in _FOLDER_FILES:
        if (path / name).is_file():
            return read_file(path / name)
    raise ArtifactError(
        f"{path} holds config.json but neither of {', '.join(_FOLDER_FILES)}: weights in several "
        "parts or of other frameworks are not read, save them in one file first"
    )


def _read_safetensors(path: Path) -> Stored:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        said = json.loads(metadata[SIDECAR]) if SIDECAR in metadata else None
    except _UNREADABLE as error:
        raise ArtifactError(f"{path} is not a whole safetensors file: {error}") from error
    if isinstance(said, Mapping) and isinstance(said.get("config"), Mapping):
        facts = {key: value for key, value in said.items() if key != "config"}
        return Stored(
            file=path,
            form="avme",
            tensors=tensors,
            wrapping="safetensors",
            config=dict(said["config"]),
            facts=facts,
        )
    return _foreign(path, tensors, "safetensors", {})


def _unpickle(path: Path) -> Any:
    try:
        if zipfile.is_zipfile(path):  # older files have no checksums
            require_whole(path)
        with warnings.catch_warnings(), torch.serialization.safe_globals(_HARMLESS):
            warnings.simplefilter("ignore")  # torch warns of foreign pickles before it refuses them
            return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        foreign = _FOREIGN.search(str(error))
        if foreign:
            raise ArtifactError(
                f"{path} holds {foreign[1]}, which is code and not weights: save its tensors alone "
                "where you trust it, as torch.save({'model': model.state_dict()}, FILE)"
            ) from error
        raise ArtifactError(
            f"{path} cannot be read as weights ({type(error).__name__}): is it whole, and from "
            "torch.save?"
        ) from error


def _unwrap(path: Path, content: Any) -> Stored:
    if not isinstance(content, Mapping):
        raise ArtifactError(f"{path} holds {type(content).__name__}, expected named tensors")
    if set(content) >= _OURS and all(
        isinstance(content[key], Mapping) for key in ("model", "config", "facts")
    ):
        _require_tensors(path, content["model"], content)
        return Stored(
            file=path,
            form="avme",
            tensors=dict(content["model"]),
            wrapping="checkpoint",
            config=dict(content["config"]),
            facts={**content["facts"], "step": content.get("step")},
        )
    wrappers = [key for key in _WRAPPERS if isinstance(content.get(key), Mapping)]
    if len(wrappers) > 1:
        raise ArtifactError(f"{path} holds tensors under both `model` and `module`: keep one")
    note = content.get(SIDECAR) if wrappers else None
    tensors = content[wrappers[0]] if wrappers else content
    _require_tensors(path, tensors, content)
    wrapping = f"under `{wrappers[0]}`" if wrappers else "bare"
    return _foreign(path, dict(tensors), wrapping, dict(note) if isinstance(note, Mapping) else {})


def _require_tensors(path: Path, tensors: Mapping[Any, Any], content: Mapping[Any, Any]) -> None:
    named = all(isinstance(k, str) and isinstance(v, Tensor) for k, v in tensors.items())
    if not tensors or not named:
        raise ArtifactError(
            f"{path} has no named tensors at its top, nor under `model` or `module`: found "
            f"{', '.join(map(str, list(content)[:5])) or 'nothing'}"
        )


def _foreign(path: Path, tensors: dict[str, Tensor], wrapping: str, note: dict[str, Any]) -> Stored:
    for prefix in _PREFIXES * 2:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
            wrapping = f"{wrapping}, each name behind `{prefix}`"
    if any(name.startswith("videomae.") for name in tensors):
        config = path.parent / "config.json"
        found = read_json(config) if config.is_file() else {}
        if found.get("model_type", "videomae") != "videomae":
            raise MismatchError(f"{config} is of a {found['model_type']}, expected a videomae")
        return Stored(
            file=path, form="huggingface", tensors=tensors, wrapping=wrapping, config=found
        )
    if any(name.removeprefix("encoder.").startswith("patch_embed.") for name in tensors):
        return Stored(file=path, form="official", tensors=tensors, wrapping=wrapping, config=note)
    raise ArtifactError(
        f"{path} holds no VideoMAE: expected names such as encoder.patch_embed.proj.weight or "
        f"videomae.encoder.layer.0.output.dense.weight, found {', '.join(list(tensors)[:3])}"
    )
