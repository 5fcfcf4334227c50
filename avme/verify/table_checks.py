"""Comparison of a dataset's tables with the content of its shards and lists.

Tables are derived again by the function that wrote them; the first difference of a file is
reported. All are fixed by writing them again: `avme prep` does so without `dataset.json`.
"""

import csv
import io
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from avme.io.filenames import DATASET_MANIFEST, INDEX, PLAN, QUARANTINE, SHARDS, SPLITS
from avme.io.hashing import sha256_of
from avme.io.json_checksum import has_valid_checksum
from avme.shards.contents import ShardContents
from avme.shards.csv_tables import PublishStats, merge_by_id, write_rows
from avme.shards.dataset import split_path
from avme.shards.manifest import fingerprint
from avme.verify.problem import Problem, short_hash

_HASHED = ("classes", "settings", "splits", "shards")


def check_tables(
    folder: Path, manifest: dict[str, Any], stored: ShardContents | None
) -> list[Problem]:
    """Compare tables and manifest with their hashes and with the clips of all shards.

    Args:
        folder: The dataset.
        manifest: Content of its `dataset.json`.
        stored: Clips of all shards; None if a shard cannot be read, and only hashes are compared.
    """
    tables = {name: str(manifest["tables"].get(name)) for name in (INDEX, QUARANTINE)}
    lists = {
        f"{SPLITS}/{split_path(folder, split, part).name}": facts[f"{part}_sha256"]
        for split, facts in manifest["splits"].items()
        for part in ("train", "test")
    }
    whats = {name: _bytes_problem(folder / name, sha) for name, sha in (tables | lists).items()}
    whats[DATASET_MANIFEST] = ""
    if stored is not None and not any(whats[name] for name in lists):
        whats |= _derived_problems(folder, manifest, stored)
    if not whats[DATASET_MANIFEST] and not has_valid_checksum(manifest):
        whats[DATASET_MANIFEST] = "has changed since it was written (checksum)"
    return [_problem(name, what) for name, what in whats.items() if what]


def check_manifest(manifest: dict[str, Any]) -> list[Problem]:
    """Compare `dataset.json` with its fingerprint."""
    found = fingerprint({key: manifest[key] for key in _HASHED})
    if found == manifest["fingerprint"]:
        return []
    recorded = short_hash(manifest["fingerprint"])
    return [
        _problem(
            DATASET_MANIFEST,
            f"its {', '.join(_HASHED)} have fingerprint {short_hash(found)}, it records {recorded}",
        )
    ]


def check_plan(manifest: dict[str, Any], planned: dict[str, Any], folder: Path) -> list[Problem]:
    """Find shards that only one of manifest, plan and folder knows."""
    problems = [
        _problem(PLAN, f"does not have {name}, which {DATASET_MANIFEST} lists")
        for name in manifest["shards"]
        if name not in planned
    ]
    problems += [
        _problem(DATASET_MANIFEST, f"does not list {name}, which {PLAN} has")
        for name in planned
        if name not in manifest["shards"]
    ]
    for path in sorted((folder / SHARDS).glob("*")):
        if path.name not in manifest["shards"] and not path.name.startswith("."):
            name = f"{SHARDS}/{path.name}"
            problems.append(Problem(name, f"is not listed in {DATASET_MANIFEST}", delete=name))
    return problems


def _problem(where: str, what: str) -> Problem:
    return Problem(where, what, delete=DATASET_MANIFEST)


def _bytes_problem(path: Path, expected: str) -> str:
    try:
        found = sha256_of(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if found == expected:
        return ""
    return f"has SHA-256 {short_hash(found)}, expected {short_hash(expected)}: bytes have changed"


def _derived_problems(
    folder: Path, manifest: dict[str, Any], stored: ShardContents
) -> dict[str, str]:
    """Derive tables, counts and statistics again; return the first difference of each file."""
    splits = {
        split: (_read_list(folder, split, "train"), _read_list(folder, split, "test"))
        for split in manifest["splits"]
    }
    index, quarantine = io.StringIO(), io.StringIO()
    clips = merge_by_id((stored.good, stored.bad))
    tally = write_rows(clips, splits, index=index, quarantine=quarantine)
    found = {}
    for name, derived in ((INDEX, index), (QUARANTINE, quarantine)):
        derived.seek(0)
        if (folder / name).is_file():
            with (folder / name).open(encoding="utf-8", errors="replace", newline="\n") as file:
                found[name] = _first_difference(file, derived)
    found[DATASET_MANIFEST] = _summary_problem(manifest, tally)
    return {name: what for name, what in found.items() if what}


def _read_list(folder: Path, split: str, part: str) -> list[str]:
    path = split_path(folder, split, part)
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        return [line.removesuffix("\n") for line in file]


def _first_difference(found: Iterable[str], derived: io.StringIO) -> str:
    columns = _cells(derived.readline())
    derived.seek(0)
    for number, (old, new) in enumerate(zip_longest(found, derived, fillvalue=""), 1):
        if old != new:
            said, held = _cells(old), _cells(new)
            cells = (
                f"{column} is {one!r:.80}, expected {other!r:.80}"
                for column, one, other in zip_longest(columns, said, held)
                if one != other
            )
            clip = f", clip {held[0] or said[0]}" if number > 1 else ""
            return f"line {number}{clip}: {next(cells, 'is formatted differently')}"
    return ""


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]), []) or [""]


def _summary_problem(manifest: dict[str, Any], tally: PublishStats) -> str:
    """Return the first number of `dataset.json` that does not follow from shards and lists."""
    for section, derived in (("counts", tally.counts()), ("statistics", tally.statistics())):
        recorded = manifest[section]
        for name in (*derived, *recorded):
            if (said := recorded.get(name)) != (value := derived.get(name)):
                return f"{section}.{name} is {said!r:.80}, expected {value!r:.80}"
    for split, facts in manifest["splits"].items():
        for part in ("train", "test"):
            if facts[part] != (count := tally.listed[split, part]):
                return f"split {split} has {facts[part]} {part} clips, {count} are in the shards"
            if (lost := facts[f"{part}_quarantined"]) > len(tally.bad):
                return f"split {split} lacks {lost} {part} clips, {len(tally.bad)} are quarantined"
    return ""
