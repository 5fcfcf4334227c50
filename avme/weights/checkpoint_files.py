"""Reader of weight files and folders: plain tensors and their metadata, without running code.

A folder is a Hugging Face folder (config.json), a checkpoint folder of DeepSpeed, or a run of avme.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from avme.checkpoint.run_weights import find_weights, warn_of_last_epoch
from avme.checkpoint.schema import (
    require_dense,
    require_facts,
    require_format,
    require_numbers,
    require_plain,
)
from avme.errors import ArtifactError
from avme.io.exported_graph import require_no_graph
from avme.io.run_status import require_finished_run
from avme.io.strict_json import parse_json
from avme.message_text import some_of
from avme.weights.huggingface.config import require_same_config, videomae_config, videomae_v2_config
from avme.weights.huggingface.sharded import read_shards, require_no_shard
from avme.weights.key_mapping import Form, wrapper_prefix
from avme.weights.tensor_files import (
    CHECKSUM,
    SIDECAR,
    find_deepspeed_file,
    read_pickle,
    read_safetensors,
)

_WRAPPERS: Final = ("model", "module", "state_dict", "model_state_dict")
_AVERAGES: Final = ("model_ema", "state_dict_ema")
"""Keys of moving averages: used if a file holds no other weights."""
_OURS: Final = {"format", "stage", "config", "facts", "model"}
_FOLDER_FILES: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWeights:
    """Content of a weight file, by the file's own tensor names."""

    file: Path
    form: Form
    tensors: dict[str, Tensor]
    wrapping: str
    """Where the tensors were found in the file, for display."""
    config: dict[str, Any] = field(default_factory=dict)
    """Hugging Face's config.json, avme's settings, or avme's note in an official file."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Of avme's files: classes, hashes of data and lists, step and best epoch."""
    parts: tuple[Path, ...] = ()
    """Files of a sharded folder, if `file` is their index."""
    warnings: tuple[str, ...] = ()
    checksum: str = "none"
    """Kind of checksum in the file, for display."""


def read_file(path: Path) -> StoredWeights:
    """Read a .pth, .pt, .bin or .safetensors file, an index of shards, or a folder.

    Raises:
        ArtifactError: Missing or damaged, or not plain data: tensors that claim more values than
            the file has, or settings of other types.
    """
    stored = _read(require_no_graph(path))
    try:
        for name, tensor in stored.tensors.items():
            require_dense(tensor, name)
        require_plain(stored.config, "its settings")
        require_facts({key: value for key, value in stored.facts.items() if key != "best"})
        require_numbers(stored.facts.get("best") or {}, "best")
        if type(stored.facts.get("step", 0)) is not int:
            raise ValueError("step is not a count")
    except ValueError as error:
        raise ArtifactError(f"{stored.file} cannot be used as weights: {error}") from error
    return stored


def _read(path: Path) -> StoredWeights:
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise ArtifactError(f"{path} does not exist: expected a file or folder of weights")
    if path.name.endswith(".index.json"):
        tensors, parts = read_shards(path)
        return _foreign(path, tensors, f"{len(parts)} shards", {}, parts=parts)
    require_no_shard(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    stored = _unwrap(path, read_pickle(path))
    return (
        replace(stored, checksum="CRC-32 of every tensor") if zipfile.is_zipfile(path) else stored
    )


def _read_folder(path: Path) -> StoredWeights:
    if (path / "config.json").is_file():
        for name in _FOLDER_FILES:
            if (path / name).is_file():
                return _read(path / name)
        raise ArtifactError(
            f"{path} holds config.json but none of {', '.join(_FOLDER_FILES)}: weights of other "
            "frameworks are not read, save them with save_pretrained first"
        )
    deepspeed = find_deepspeed_file(path)
    if deepspeed is not None:
        return _read(deepspeed)
    stored = _read(file := find_weights(require_finished_run(path)))
    return replace(stored, warnings=warn_of_last_epoch(path, file, stored.facts, stored.warnings))


def _read_safetensors(path: Path) -> StoredWeights:
    tensors, metadata = read_safetensors(path)
    checksum = "SHA-256 of tensors and settings" if CHECKSUM in metadata else "none"
    try:
        noted = parse_json(metadata[SIDECAR]) if SIDECAR in metadata else None
    except ValueError as error:
        raise ArtifactError(f"{path} is not a whole safetensors file: {error}") from error
    if isinstance(noted, Mapping) and isinstance(noted.get("config"), Mapping):
        require_format(noted.get("format"), path)
        if CHECKSUM not in metadata:
            raise ArtifactError(
                f"{path}: its checksum is missing, which avme writes beside the settings. Export "
                "it again from a checkpoint of its run with `avme weights convert --to avme`"
            )
        facts = {key: value for key, value in noted.items() if key not in ("config", "format")}
        return StoredWeights(
            file=path,
            form="avme",
            tensors=tensors,
            wrapping="safetensors",
            config=dict(noted["config"]),
            facts=facts,
            checksum=checksum,
        )
    if isinstance(noted, Mapping):
        require_same_config(path, noted)
    return replace(_foreign(path, tensors, "safetensors", {}), checksum=checksum)


def _unwrap(path: Path, content: Any) -> StoredWeights:
    if not isinstance(content, Mapping):
        raise ArtifactError(f"{path} holds {type(content).__name__}, expected named tensors")
    if set(content) >= _OURS and all(
        isinstance(content[key], Mapping) for key in ("model", "config", "facts")
    ):
        average, tensors = content.get("average"), content["model"]
        if isinstance(average, Mapping) and isinstance(average.get("tensors"), Mapping):
            tensors = average["tensors"]  # as Checkpoint.weights
        _require_tensors(path, tensors, content)
        require_format(content["format"], path)
        return StoredWeights(
            file=path,
            form="avme",
            tensors=dict(tensors),
            wrapping="checkpoint",
            config=dict(content["config"]),
            facts={
                **content["facts"],
                "step": content.get("step"),
                "best": content.get("best") or {},
            },
        )
    whole = [key for key in _WRAPPERS if isinstance(content.get(key), Mapping)]
    average = [key for key in _AVERAGES if isinstance(content.get(key), Mapping)]
    if len(whole) > 1:
        raise ArtifactError(
            f"{path} holds tensors under both `{whole[0]}` and `{whole[1]}`: keep one"
        )
    key = next(iter(whole or average), None)
    warnings: tuple[str, ...] = ()
    if whole and average:
        warnings = (
            f"the file also holds `{average[0]}`, a moving average of the weights, which was left "
            "out: to start from it, save it alone",
        )
    note = content.get(SIDECAR) if key else None
    tensors = content if key is None else content[key]
    _require_tensors(path, tensors, content)
    return _foreign(
        path,
        dict(tensors),
        f"under `{key}`" if key else "bare",
        dict(note) if isinstance(note, Mapping) else {},
        warnings=warnings,
    )


def _require_tensors(path: Path, tensors: Mapping[Any, Any], content: Mapping[Any, Any]) -> None:
    named = all(isinstance(k, str) and isinstance(v, Tensor) for k, v in tensors.items())
    if not tensors or not named:
        raise ArtifactError(
            f"{path} has no named tensors at its top, nor under "
            f"{', '.join(f'`{name}`' for name in _WRAPPERS + _AVERAGES)}: found "
            f"{some_of(map(str, content), 5) or 'nothing'}"
        )


def _foreign(
    path: Path,
    tensors: dict[str, Tensor],
    wrapping: str,
    note: dict[str, Any],
    *,
    parts: tuple[Path, ...] = (),
    warnings: tuple[str, ...] = (),
) -> StoredWeights:
    """Remove the prefixes of model wrappers, and detect whose tensor names these are."""
    while prefix := wrapper_prefix(tensors):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        wrapping = f"{wrapping}, each name behind `{prefix}`"
    beside = path.parent / "config.json"
    if any(name.startswith("embeddings.patch_embeddings.") for name in tensors):
        tensors = {f"videomae.{name}": tensor for name, tensor in tensors.items()}
    if any(name.startswith("videomae.") for name in tensors):
        form: Form = "huggingface"
        config = videomae_config(beside)
    elif any(name.removeprefix("encoder.").startswith("patch_embed.") for name in tensors):
        form, config = "official", note
        if path.name in _FOLDER_FILES:
            config = videomae_v2_config(beside)
    else:
        raise ArtifactError(
            f"{path} holds no VideoMAE: expected names such as encoder.patch_embed.proj.weight or "
            "videomae.encoder.layer.0.output.dense.weight, found "
            f"{some_of(tensors) or 'none'}"
        )
    return StoredWeights(
        file=path,
        form=form,
        tensors=tensors,
        wrapping=wrapping,
        config=config,
        parts=parts,
        warnings=warnings,
    )
