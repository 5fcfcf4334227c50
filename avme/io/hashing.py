"""Hashes of files and lists."""

import hashlib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_sha256(ids: Iterable[str]) -> str:
    """Fingerprint of a list of ids, one a line."""
    digest = sha256()
    for clip_id in ids:
        digest.update(f"{clip_id}\n".encode())
    return digest.hexdigest()
