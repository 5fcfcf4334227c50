"""Hashes of files and lists."""

import hashlib
from pathlib import Path

from avme.io.hashing import list_sha256, sha256_of


def test_sha256_of_equals_hashlib(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")

    assert sha256_of(path) == hashlib.sha256(b"abc").hexdigest()


def test_hash_of_a_list_is_that_of_its_lines() -> None:
    assert list_sha256(["a", "b"]) == hashlib.sha256(b"a\nb\n").hexdigest()
    assert list_sha256([]) == hashlib.sha256(b"").hexdigest()
