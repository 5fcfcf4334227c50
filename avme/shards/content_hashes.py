"""Content of the clips of a list as a compact text, to find clips of one list in another.

Of the SHA-256 of each video file the first 8 bytes are kept: 2.6 MB of text for 240,000 clips. The
chance that any of 20,000 other files agrees with one of them is 3e-10.

Shape letters: n clips, k distinct files.
"""

import base64
import binascii
import csv
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, UInt64

from avme.errors import ArtifactError
from avme.io.filenames import INDEX
from avme.shards.dataset import ClipEntry, PreparedDataset

PREFIX_BYTES: Final = 8
TRAIN_CONTENT: Final = "train_content"
"""Key of a checkpoint's metadata with the packed hashes of the train list; empty if unknown."""
_SHA256: Final = re.compile("[0-9a-f]{64}")


def pack_hashes(hashes: Sequence[str]) -> str:
    """Return the sorted prefixes of hexadecimal SHA-256 hashes as base64, each once."""
    distinct = np.unique(_prefixes(hashes))
    return base64.b64encode(distinct.tobytes()).decode("ascii")


def unpack_hashes(text: str) -> UInt64[np.ndarray, " k"]:
    """Return the sorted prefixes in a text of `pack_hashes`; raises ValueError for other text."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"no list of hashes ({error})") from error
    if len(content) % PREFIX_BYTES:
        raise ValueError(f"a list of hashes has {len(content)} bytes, expected multiples of 8")
    found = np.frombuffer(content, dtype=">u8").astype(np.uint64)
    if not bool((found[1:] > found[:-1]).all()):
        raise ValueError("a list of hashes is not sorted")
    return found


def find_hashes(hashes: Sequence[str], packed: str) -> Bool[np.ndarray, " n"]:
    """Return whether each hash is in a text of `pack_hashes`; raises ValueError for other text."""
    known = unpack_hashes(packed)
    return np.isin(_prefixes(hashes).astype(np.uint64), known)


def read_hashes(prepared: PreparedDataset, entries: Sequence[ClipEntry]) -> list[str] | None:
    """Return the SHA-256 of the video file of each clip; None if one is not recorded.

    Cuts of one file have the same. `index.csv` is read once, a line at a time.

    Raises ArtifactError if it cannot be read.
    """
    found = dict.fromkeys((entry.id for entry in entries), "")
    path = prepared.folder / INDEX
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["id"] in found:
                    found[row["id"]] = row["source_sha256"]
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise ArtifactError(
            f"{path} cannot be read ({error!r}): `avme verify` shows how to fix it"
        ) from error
    hashes = [found[entry.id] for entry in entries]
    return hashes if all(map(_SHA256.fullmatch, hashes)) else None


def _prefixes(hashes: Sequence[str]) -> np.ndarray:
    """Return the first 8 bytes of each hash as a big-endian number."""
    content = b"".join(bytes.fromhex(one[: 2 * PREFIX_BYTES]) for one in hashes)
    return np.frombuffer(content, dtype=">u8")
