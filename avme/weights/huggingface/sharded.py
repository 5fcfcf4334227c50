"""Sharded weights of Hugging Face: an index and the files it names, as one set of tensors.

Only files in the folder of the index are read, and index and files must agree: each tensor is in
the file that the index names, and no file holds another one.
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

from torch import Tensor

from avme.errors import ArtifactError
from avme.io.atomic import read_json
from avme.weights.tensor_files import read_pickle, read_safetensors

_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}\.(safetensors|bin)$")


def require_no_shard(path: Path) -> None:
    """Raise ArtifactError if a file is one shard of several, by its name."""
    if _SHARD.search(path.name):
        raise ArtifactError(f"{path} is one shard of several: give the folder {path.parent}")


def read_shards(index: Path) -> tuple[dict[str, Tensor], tuple[Path, ...]]:
    """Read the tensors of all shards; return them and the files.

    Raises ArtifactError if a shard is missing, is in another folder, or differs from the index.
    """
    where = read_json(index).get("weight_map")
    if not isinstance(where, Mapping) or not where:
        raise ArtifactError(f"{index} has no weight_map, expected the file of each tensor by name")
    tensors: dict[str, Tensor] = {}
    files = [_beside(index, name) for name in sorted({str(name) for name in where.values()})]
    for file in files:
        found = _read_shard(file)
        listed = {name for name, shard in where.items() if shard == file.name}
        for what, names in (
            ("lacks", listed - found.keys()),
            ("also holds", found.keys() - listed),
        ):
            if names:
                raise ArtifactError(
                    f"{file} {what} {min(names)} ({len(names)} tensors), unlike {index.name}: "
                    "download or save the folder again"
                )
        tensors |= found
    return tensors, tuple(files)


def _beside(index: Path, name: str) -> Path:
    """Return the path of a shard, whose name must be a plain file name on every system."""
    if PurePosixPath(name).name != name or PureWindowsPath(name).name != name:
        raise ArtifactError(
            f"{index} names {name!r}, expected a file beside it: no shard may be in another folder"
        )
    file = index.with_name(name)
    if not file.is_file():
        raise ArtifactError(f"{file} does not exist, which {index.name} names: download it too")
    return file


def _read_shard(file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        return read_safetensors(file)[0]
    content: Any = read_pickle(file)
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    ):
        raise ArtifactError(f"{file} holds more than named tensors, expected a shard of weights")
    return dict(content)
