"""Journal `prep.jsonl`: one line per finished shard, so that no shard is hashed twice.

A kill may truncate the last line, and a line may refer to an older file of the same name: a line
counts only if it is valid and the file still has that size and mtime.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from avme.io.filenames import JOURNAL
from avme.io.hashing import sha256_of
from avme.io.strict_json import parse_json, typed_record
from avme.io.symlinks import own_file
from avme.prep.write_shard import ShardDone
from avme.shards.reader import ShardReader


def append(folder: Path, done: ShardDone) -> None:
    """Append a line; a truncated one before it is terminated first."""
    path = folder / JOURNAL
    with open(path, "ab+", opener=own_file) as file:
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
            file.write(b"\n" if torn else b"")
        file.write(json.dumps(asdict(done)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> dict[str, ShardDone]:
    """Read the last valid line of every shard."""
    path = folder / JOURNAL
    if not path.is_file():
        return {}
    lines: dict[str, ShardDone] = {}
    for line in path.read_bytes().splitlines():
        try:
            done = typed_record(ShardDone, parse_json(line))
        except ValueError:  # truncated
            continue
        lines[done.name] = done
    return lines


def account(folder: Path, shards: Iterable[Path]) -> list[ShardDone]:
    """Return a line for every shard; shards without a valid one are hashed now."""
    lines = read(folder)
    accounts = []
    for path in shards:
        status = path.stat()
        known = lines.get(path.name)
        if known is None or (known.num_bytes, known.mtime_ns) != (
            status.st_size,
            status.st_mtime_ns,
        ):
            known = _account(path, status)
            append(folder, known)
        accounts.append(known)
    return accounts


def _account(path: Path, status: os.stat_result) -> ShardDone:
    sha256 = sha256_of(path)
    reader = ShardReader(path)
    reader.require_columns()
    records, ffmpeg = reader.records(), reader.ffmpeg()
    reader.close()
    bad = sum(bool(record.reason) for record in records)
    return ShardDone(
        name=path.name,
        sha256=sha256,
        num_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        clips=len(records) - bad,
        bad=bad,
        seconds=0.0,
        ffmpeg=ffmpeg,
    )
