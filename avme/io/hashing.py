"""Hashes of files and lists."""

import hashlib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_sha256(ids: Iterable[str]) -> str:
    """Return the hexadecimal SHA-256 of a list of ids, one per line."""
    digest = sha256()
    for clip_id in ids:
        digest.update(f"{clip_id}\n".encode())
    return digest.hexdigest()
