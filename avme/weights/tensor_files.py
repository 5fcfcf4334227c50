"""Tensor files: pickle and safetensors, read without running code.

Pickles are read with `weights_only`; beyond tensors only the plain values of published files are
allowed. Safetensors files are written with the mode of the umask; those of avme have a hash over
their tensors and note, as the format has no checksum.
"""

import argparse
import errno
import hashlib
import json
import pickle
import re
import stat
import struct
import warnings
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from avme.checkpoint.file import require_whole
from avme.errors import ArtifactError
from avme.io.atomic import replacing
from avme.io.filenames import RUN_STATUS
from avme.system.torch_errors import system_error

SIDECAR: Final = "avme"
"""Key of avme's note in files of other formats, for what these cannot express."""
CHECKSUM: Final = "avme.sha256"
"""Key of the hash in the metadata of a safetensors file."""
_SHOWN: Final = 12
_DEEPSPEED: Final = "mp_rank_00_model_states.pt"
_LONGEST_NAME: Final = 255
_PLAIN: Final[list[Any]] = [
    argparse.Namespace,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
    np.dtypes.Int64DType,
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
    # Hyper-parameters in Lightning's checkpoints are a subclass of dict: read as a plain dict.
    (OrderedDict, "lightning.fabric.utilities.data.AttributeDict"),
    (OrderedDict, "lightning_fabric.utilities.data.AttributeDict"),
    (OrderedDict, "pytorch_lightning.utilities.parsing.AttributeDict"),
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
_CODE: Final = re.compile(r"GLOBAL ([\w.]+)")
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata; raises ArtifactError if incomplete or if the checksum differs."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except _UNREADABLE as error:
        raise ArtifactError(f"{path} is not a whole safetensors file: {error}") from error
    require_unchanged(path, tensors, metadata)
    return tensors, metadata


def write_safetensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write the file with a checksum, atomically. Equal content gives equal bytes.

    The mode is 0666 less the umask; safetensors alone gives 0600.

    Args:
        path: File to write.
        tensors: Tensors by name.
        metadata: Text values by key.

    Raises:
        OSError: The disk is full or the folder not writable.
    """
    with replacing(path) as temporary:
        mode = stat.S_IMODE(temporary.stat().st_mode)
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        try:
            save_file(whole, temporary, with_checksum(whole, {"format": "pt", **metadata}))
        except SafetensorError as error:
            number = _OS_ERROR.search(str(error))
            raise OSError(int(number[1]) if number else errno.EIO, str(error), str(path)) from error
        _sort_metadata(temporary)
        temporary.chmod(mode)


def _sort_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file by key.

    safetensors writes them in an order that varies between calls. The header keeps its length, and
    no tensor moves.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) > length:
            raise RuntimeError(f"the header takes {len(text)} bytes in place of {length}")
        file.seek(8)
        file.write(text.ljust(length))


def write_pickle(path: Path, content: Mapping[str, Any]) -> None:
    """Write with torch.save, atomically.

    Raises OSError if the disk is full or the folder not writable.
    """
    with replacing(path) as temporary:
        try:
            with temporary.open("wb") as file:  # given a path, torch reports no errno
                torch.save(dict(content), file)
        except RuntimeError as error:
            system = system_error(error)
            if system is None:
                raise
            raise OSError(system.errno, str(system), str(path)) from error


def _begins_as_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == pickle.PROTO


def read_pickle(path: Path) -> Any:
    """Read a file of torch.save; raises ArtifactError if it is damaged or contains code."""
    try:
        if zipfile.is_zipfile(path):  # older files have no checksums
            require_whole(path)
        elif not _begins_as_pickle(path):  # torch would interpret text as instructions
            raise pickle.UnpicklingError("no pickle")
        with warnings.catch_warnings(), torch.serialization.safe_globals(_PLAIN):
            warnings.simplefilter("ignore")  # torch warns of foreign pickles before it refuses them
            return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        code = _CODE.search(str(error))
        if code:
            raise ArtifactError(
                f"{path} holds {code[1]}, which is code and not weights: save its tensors alone "
                "where you trust it, as torch.save({'model': model.state_dict()}, FILE)"
            ) from error
        raise ArtifactError(
            f"{path} cannot be read as weights ({type(error).__name__}): is it whole, and from "
            "torch.save?"
        ) from error


def find_deepspeed_file(path: Path) -> Path | None:
    """Return the model file in a folder of DeepSpeed's save_checkpoint, if it is one.

    An output folder is resolved by its `latest` file. Raises ArtifactError if the model is sharded.
    """
    latest = path / "latest"
    if latest.is_file() and not (path / RUN_STATUS).is_file():
        with latest.open(encoding="utf-8", errors="replace") as text:
            name = text.read(_LONGEST_NAME).strip()
        if Path(name).name == name != ".." and (path / name).is_dir():
            path = path / name
    if any(path.glob("zero_pp_rank_*_model_states.pt")):
        raise ArtifactError(
            f"{path} is cut over processes (ZeRO stage 3): join it with DeepSpeed's zero_to_fp32.py"
        )
    if len(list(path.glob("mp_rank_*_model_states.pt"))) > 1:
        raise ArtifactError(f"{path} is cut over processes (tensor parallelism): join it first")
    file = path / _DEEPSPEED
    return file if file.is_file() else None


def content_sha256(tensors: Mapping[str, Tensor], note: str) -> str:
    """Return the SHA-256 of `note`, then of names, types, shapes and bytes of the sorted tensors.

    Takes 0.1 s for 100 MB on a processor with SHA instructions.
    """
    names = sorted(tensors)
    heads = [[name, str(tensors[name].dtype), list(tensors[name].shape)] for name in names]
    head = json.dumps([note, heads], separators=(",", ":")).encode()
    digest = hashlib.sha256(len(head).to_bytes(8, "little") + head)
    for name in names:
        flat = tensors[name].detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def with_checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata with the hash added."""
    note = metadata.get(SIDECAR, "")
    return {**metadata, CHECKSUM: content_sha256(tensors, note)}


def require_unchanged(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Raise ArtifactError if the file has a hash that differs from its content.

    Args:
        path: File, for the message.
        tensors: Its tensors.
        metadata: Its metadata.
    """
    recorded = metadata.get(CHECKSUM)
    if recorded is None:
        return
    found = content_sha256(tensors, metadata.get(SIDECAR, ""))
    if found != recorded:
        raise ArtifactError(
            f"{path} is damaged: its tensors and settings have SHA-256 {found[:_SHOWN]}, expected "
            f"{recorded[:_SHOWN]}: copy it again, or rewrite it from checkpoints/ of its run with "
            "`avme weights convert --to avme`"
        )
