"""What a set's tables say against what its shards hold: manifest, index, quarantine, lists.

All of these follow from the shards and the splits, so that whatever is wrong here is mended by
writing them again: `avme prep` does so once `dataset.json` is gone.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avme.errors import ArtifactError
from avme.io.filenames import DATASET_MANIFEST, INDEX, PLAN, QUARANTINE, SHARDS, SPLITS
from avme.io.hashing import list_sha256, sha256_of
from avme.io.json_checksum import has_valid_checksum
from avme.shards.contents import Stored, StoredClip
from avme.shards.dataset import split_path
from avme.shards.index import COLUMNS, read_rows, to_cells
from avme.shards.manifest import fingerprint
from avme.shards.mfcc_stats import statistics
from avme.verify.problem import Problem, short

_HASHED = ("classes", "settings", "splits", "shards")
_TOLERANCE = 1e-6


def check_tables(
    folder: Path, manifest: dict[str, Any], stored: Stored, whole: bool
) -> list[Problem]:
    """Compares the tables with `stored`; `whole` says that every shard could be read."""
    rows, problems = _index(folder, stored, whole)
    problems += _quarantine(folder, stored, whole)
    sound, unsound = _lists(folder, manifest, rows)
    problems += unsound
    if whole:
        problems += _contents(manifest, stored, sound)
    return problems


def check_manifest(manifest: dict[str, Any]) -> list[Problem]:
    """Whether `dataset.json` still says what its fingerprint was taken of."""
    found = fingerprint({key: manifest[key] for key in _HASHED})
    if found == manifest["fingerprint"]:
        return []
    recorded = short(manifest["fingerprint"])
    return [
        _problem(
            DATASET_MANIFEST,
            f"its {', '.join(_HASHED)} have fingerprint {short(found)}, it says {recorded}",
        )
    ]


def check_bytes(folder: Path, manifest: dict[str, Any], found: list[Problem]) -> list[Problem]:
    """Changes of manifest and tables that none of the problems found explains."""
    explained = " ".join(problem.where for problem in found)
    problems = [
        _problem(name, f"has SHA-256 {short(now)}, expected {short(sha256)}: bytes have changed")
        for name, sha256 in manifest["tables"].items()
        if name not in explained and (now := sha256_of(folder / name)) != sha256
    ]
    if DATASET_MANIFEST not in explained and not has_valid_checksum(manifest):
        problems.append(_problem(DATASET_MANIFEST, "has changed since it was written (checksum)"))
    return problems


def check_plan(manifest: dict[str, Any], planned: dict[str, Any], folder: Path) -> list[Problem]:
    """Shards that only one of manifest, plan and folder knows."""
    problems = [
        _problem(PLAN, f"knows no {name}, which {DATASET_MANIFEST} lists")
        for name in manifest["shards"]
        if name not in planned
    ]
    problems += [
        _problem(DATASET_MANIFEST, f"lists no {name}, which plan.json knows")
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


def _index(
    folder: Path, stored: Stored, whole: bool
) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    try:
        lines = read_rows(folder)
    except ArtifactError as error:
        return {}, [_problem(INDEX, str(error))]
    rows = {row["id"]: row for row in lines}
    problems = [
        _problem(INDEX, f"has {count} lines for clip {clip_id}, expected one")
        for clip_id, count in Counter(row["id"] for row in lines).items()
        if count > 1
    ]
    for clip in stored.good:
        row = rows.get(clip.record.id)
        if row is None:
            problems.append(_problem(INDEX, f"lacks clip {clip.record.id} of {clip.shard}"))
        elif differing := list(_differing(row, clip)):
            problems.append(_problem(f"clip {clip.record.id} in {INDEX}", "; ".join(differing)))
    if whole:
        held = {clip.record.id for clip in stored.good}
        strange = [clip_id for clip_id in rows if clip_id not in held]
        problems += [_problem(INDEX, f"lists clip {i}, which no shard holds") for i in strange]
    return rows, problems


def _differing(row: dict[str, str], clip: StoredClip) -> Iterator[str]:
    expected = {**to_cells(clip.record), "shard": clip.shard, "row": str(clip.row)}
    for name in (*COLUMNS, "shard", "row"):
        if name in row and row[name] != expected[name]:
            yield f"{name} is {row[name]!r}, its shard says {expected[name]!r}"


def _quarantine(folder: Path, stored: Stored, whole: bool) -> list[Problem]:
    try:
        with (folder / QUARANTINE).open(encoding="utf-8", newline="") as file:
            listed = {row["id"]: row.get("reason") for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        why = getattr(error, "strerror", None) or repr(error)
        return [_problem(QUARANTINE, f"cannot be read ({why})")]
    held = {record.id: record.reason for record in stored.bad}
    problems = [
        _problem(QUARANTINE, f"says {listed.get(i)!r} of clip {i}, its shard says {reason!r}")
        for i, reason in held.items()
        if listed.get(i) != reason
    ]
    if whole:
        strange = [clip_id for clip_id in listed if clip_id not in held]
        problems += [_problem(QUARANTINE, f"lists clip {i}, which is not bad") for i in strange]
    return problems


def _lists(
    folder: Path, manifest: dict[str, Any], rows: dict[str, dict[str, str]]
) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    """The side of every clip in the splits whose lists are sound, and what is wrong with others."""
    sound: dict[str, dict[str, str]] = {}
    problems: list[Problem] = []
    for split, facts in manifest["splits"].items():
        sides: dict[str, str] = {}
        before = len(problems)
        for part in ("train", "test"):
            path = split_path(folder, split, part)
            try:
                ids = path.read_text(encoding="utf-8").splitlines()
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or type(error).__name__
                problems.append(_problem(f"{SPLITS}/{path.name}", f"cannot be read ({why})"))
                continue
            whats = [*_list_problems(ids, facts[part], facts[f"{part}_sha256"], rows, sides)]
            problems += [_problem(f"{SPLITS}/{path.name}", what) for what in whats]
            sides |= dict.fromkeys(ids, part)
        if len(problems) == before:
            sound[split] = sides
    for split, sides in sound.items():
        problems += [
            _problem(
                f"clip {clip_id} in {INDEX}",
                f"split{split} is {row.get(f'split{split}')!r}, its lists say {expected!r}",
            )
            for clip_id, row in rows.items()
            if row.get(f"split{split}") != (expected := sides.get(clip_id, ""))
        ]
    return sound, problems


def _list_problems(
    ids: list[str],
    count: int,
    sha256: str,
    rows: dict[str, dict[str, str]],
    sides: dict[str, str],
) -> Iterator[str]:
    found = list_sha256(ids)
    if (len(ids), found) != (count, sha256):
        yield (f"{len(ids)} ids with SHA-256 {short(found)}, expected {count} with {short(sha256)}")
    for clip_id in ids:
        if rows and clip_id not in rows:
            yield f"lists clip {clip_id}, which {INDEX} lacks"
        if clip_id in sides:
            yield f"lists clip {clip_id}, which the other side lists too"
    for clip_id, times in Counter(ids).items():
        if times > 1:
            yield f"lists clip {clip_id} {times} times"


def _contents(
    manifest: dict[str, Any], stored: Stored, sound: dict[str, dict[str, str]]
) -> list[Problem]:
    """Counts, classes and statistics of `dataset.json` against the clips of all shards."""
    states = Counter(clip.record.audio for clip in stored.good)
    counted = {
        "clips": len(stored.good),
        "frames": sum(clip.record.frames for clip in stored.good),
        **{state: states[state] for state in ("sound", "silent", "none")},
        "quarantined": len(stored.bad),
    }
    recorded = manifest["counts"]
    whats = [
        f"counts {recorded.get(name)} {name}, the shards hold {found}"
        for name, found in counted.items()
        if recorded.get(name) != found
    ]
    named = dict(enumerate(manifest["classes"]))
    held = {(clip.record.label, clip.record.class_name) for clip in stored.good}
    num_shards, num_made = len(manifest["shards"]), sum(manifest["ffmpeg"].values())
    if num_made != num_shards:
        whats.append(f"counts {num_made} shards by version of ffmpeg, and lists {num_shards}")
    whats += [
        f"class {label} is {named.get(label)}, the shards say {name}"
        for label, name in sorted(held)
        if named.get(label) != name
    ]
    for split, sides in sound.items():
        train = [clip_id for clip_id, side in sides.items() if side == "train"]
        said = manifest["statistics"].get(split, {})
        for name, measured in statistics(stored.good, train).items() if stored.good else ():
            if not _close(said.get(name), measured):
                whats.append(f"{name} of split {split} is not that of its train list")
    return [_problem(DATASET_MANIFEST, what) for what in whats]


def _close(said: Any, measured: Any) -> bool:
    if isinstance(measured, list):
        same = isinstance(said, list) and len(said) == len(measured)
        return same and all(map(_close, said, measured))
    return isinstance(said, int | float) and math.isclose(
        said, measured, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE
    )
