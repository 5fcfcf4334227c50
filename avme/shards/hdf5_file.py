"""HDF5 file of a shard, opened without following anything out of it.

HDF5 can store data elsewhere: behind external and soft links, in external raw files, in virtual
datasets; and filters can expand small data. A shard has none of these. A column is checked before
it is read: it is in the file itself, has the documented type and dimensions, and its stored size
equals the declared one, so that reading it takes no more memory than the file has bytes.
"""

import math
import os
import stat
from functools import cache
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from h5py import h5d, h5l, h5t

_TEXT: Final = "S"
_TYPES: Final = {
    **dict.fromkeys(("jpeg", "records", "has_audio"), "u1"),
    **dict.fromkeys(("label", "width", "height"), "i4"),
    **dict.fromkeys(("frame_offset", "clip_frame", "clip_mfcc", "clip_pcm"), "i8"),
    **dict.fromkeys(("mfcc_begin", "mfcc_end", "fps_num", "fps_den"), "i8"),
    **dict.fromkeys(("pts", "last_seconds", "pcm_start", "mfcc_sum", "mfcc_square"), "f8"),
    "mfcc": "f4",
    "pcm": "i2",
    **dict.fromkeys(("id", "class", "group", "source_sha256"), _TEXT),
}
"""Type of every column; `S` is text of any fixed length."""
_WIDE: Final = frozenset({"mfcc", "mfcc_sum", "mfcc_square"})
"""Columns with a second dimension, the cepstral coefficients."""
_LAYOUTS: Final = frozenset({h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED})
_MOST_CEPSTRA: Final = 26
"""Upper bound of `num_cepstra`."""
_LONGEST_TEXT: Final = 1024
"""Maximum length of a text attribute in bytes."""


def open_shard(path: Path) -> h5py.File:
    """Open a shard for reading, without a lock.

    Raises ValueError if it is a symlink or not a regular file (a pipe would block), and OSError if
    it is not an HDF5 file.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise ValueError("it is a link or no regular file")
    return h5py.File(path, "r", locking=False)


def read_schema(file: h5py.File) -> int | None:
    """Return the version of the format, None without one; raises ValueError if not an integer."""
    return _integer(file, "schema")


def read_num_cepstra(file: h5py.File) -> int:
    """Return the number of cepstral coefficients; raises ValueError if it is out of range."""
    found = _integer(file, "num_cepstra") or 0
    if not 0 <= found <= _MOST_CEPSTRA:
        raise ValueError(f"num_cepstra is {found}, expected at most {_MOST_CEPSTRA}")
    return found


def read_ffmpeg(file: h5py.File) -> str:
    """Return the version of ffmpeg that decoded the clips; empty if unknown."""
    if "ffmpeg" not in file.attrs:
        return ""
    kind = file.attrs.get_id("ffmpeg").dtype
    if kind.kind != "S" or kind.itemsize > _LONGEST_TEXT or file.attrs.get_id("ffmpeg").shape:
        raise ValueError(f"attribute ffmpeg is not a text of at most {_LONGEST_TEXT} bytes")
    return bytes(file.attrs["ffmpeg"]).decode(errors="replace")


def require_columns(file: h5py.File) -> None:
    """Raise ValueError or KeyError unless the file has exactly the documented columns.

    Their lengths are not compared.
    """
    for name in _TYPES:
        open_column(file, name)
    if strange := sorted(set(file) - _TYPES.keys()):
        raise ValueError(f"{strange[0]!r} is not a column of a shard")


def open_column(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a column without reading it.

    Raises KeyError if it is missing, and ValueError if it is not stored in the file, completely, as
    documented.
    """
    link = file.id.links.get_info(name.encode()).type
    if link != h5l.TYPE_HARD:
        raise ValueError(f"column {name} is a link to another place, expected it in the file")
    dataset = h5d.open(file.id, name.encode())
    require_own_storage(dataset, name)  # before reading its size, which opens what it references
    _require_type(dataset.get_type(), name)
    _require_stored(dataset, name, os.fstat(file.id.get_vfd_handle()).st_size)
    if name in _WIDE and dataset.shape[1] != (wanted := read_num_cepstra(file)):
        raise ValueError(f"column {name} has {dataset.shape[1]} coefficients, expected {wanted}")
    return h5py.Dataset(dataset)


def require_own_storage(dataset: h5d.DatasetID, name: str) -> None:
    """Raise ValueError if a column is stored in other files, or needs filters to be read."""
    creation = dataset.get_create_plist()
    if creation.get_layout() not in _LAYOUTS or creation.get_external_count():
        raise ValueError(f"column {name} is stored in other files, expected it in the file")
    if creation.get_nfilters():
        raise ValueError(f"column {name} needs filters, expected it as plain bytes")


def _require_type(found: h5t.TypeID, name: str) -> None:
    if isinstance(found, h5t.TypeStringID):
        fits = _TYPES[name] == _TEXT and not found.is_variable_str()
    else:
        fits = _TYPES[name] != _TEXT and found.equal(_type(_TYPES[name]))
    if not fits or found.committed():
        raise ValueError(f"column {name} is not of type {_TYPES[name]}")


def _require_stored(dataset: h5d.DatasetID, name: str, file_bytes: int) -> None:
    """Compare the declared size with the stored one, and both with the size of the file."""
    shape, stored = dataset.shape, dataset.get_storage_size()
    if len(shape) != 1 + (name in _WIDE):
        raise ValueError(f"column {name} has {len(shape)} dimensions")
    declared = math.prod(shape) * dataset.get_type().get_size()
    end = stored + (dataset.get_offset() or 0)
    if not declared <= stored <= end <= file_bytes:
        raise ValueError(
            f"column {name} is declared with {declared} bytes, of which {stored} are stored in a "
            f"file of {file_bytes}"
        )


@cache
def _type(name: str) -> h5t.TypeID:
    return h5t.py_create(np.dtype(name))


def _integer(file: h5py.File, name: str) -> int | None:
    if name not in file.attrs:
        return None
    attribute = file.attrs.get_id(name)
    if attribute.shape != () or attribute.dtype.kind not in "iu":
        raise ValueError(f"attribute {name} is not an integer")
    return int(file.attrs[name])
