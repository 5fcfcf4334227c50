"""A prepared set in; what is in it, and what presence of sound gives away, out.

Only tables are read, no shard: `avme verify` says whether they fit.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avme.artifacts import replacing, write_json
from avme.data.index import read_records
from avme.data.leak import count, measure
from avme.data.prepared import PreparedSet
from avme.data.protocols import protocols
from avme.data.record import ClipRecord
from avme.data.survey import Sides, survey, survey_classes, survey_split
from avme.errors import MachineError, UsageError
from avme.figures.contents import draw_classes, draw_lengths

_STATES = ("sound", "silent", "none")


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found, and where it was written."""

    facts: dict[str, Any]
    """What `audit.json` holds."""
    files: tuple[Path, ...]


def audit(
    folder: Path,
    *,
    out: Path | None,
    tell: Callable[[dict[str, Any]], None] = lambda facts: None,
) -> Audit:
    """Writes audit.json and pictures to `out`, or to `audit` in the set's folder.

    `tell` is given the facts before anything is written. Raises ArtifactError if there is no
    finished prepared set, UsageError where a file stands in the way, and MachineError where the
    folder cannot be written.
    """
    prepared = PreparedSet.open(folder)
    records = read_records(folder)
    splits: dict[str, Sides] = {
        split: {
            "train": [entry.id for entry in prepared.part(split, "train", may_be_empty=True)],
            "test": [entry.id for entry in prepared.part(split, "test", may_be_empty=True)],
        }
        for split in prepared.splits
    }
    facts = {
        "dataset": prepared.name,
        "fingerprint": prepared.fingerprint,
        "quarantined": prepared.manifest["counts"]["quarantined"],
        **survey(records, prepared.classes),
        "splits": {
            split: {
                **survey_split(records, sides),
                **_presence(records, sides, len(prepared.classes)),
            }
            for split, sides in splits.items()
        },
        "per_class": survey_classes(records, prepared.classes, splits),
    }
    tell(facts)
    target = out or folder / "audit"
    with _writing(target):
        write_json(target / "audit.json", facts)
        pictures = _draw(target, prepared.classes, records, splits)
    return Audit(facts, (target / "audit.json", *pictures))


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(
            f"{target} cannot be written ({error.filename} is in the way): name a folder with --out"
        ) from error
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else str(error)
        raise MachineError(
            f"{target} cannot be written ({said}): name another folder with --out"
        ) from error


def _presence(records: tuple[ClipRecord, ...], sides: Sides, num_classes: int) -> dict[str, Any]:
    """The leak of one split, and what is left of it under every protocol; None without a list."""
    by_id = {record.id: record for record in records}
    members = {part: [by_id[clip_id] for clip_id in ids] for part, ids in sides.items()}
    if not members["train"]:
        return {"leak": None, "protocols": []}
    train, test = (
        (
            np.array([record.label for record in members[part]], dtype=np.int64),
            np.array([record.usable_audio for record in members[part]], dtype=np.int64),
        )
        for part in ("train", "test")
    )
    groups = [record.group for record in members["train"]]
    leak = measure((*train, groups), test, num_classes)
    counts = [count(*side, num_classes) for side in (train, test)]
    return {
        "leak": {**asdict(leak), "is_evident": leak.is_evident},
        "protocols": [asdict(protocol) for protocol in protocols(*counts)],
    }


def _draw(
    target: Path,
    classes: tuple[str, ...],
    records: tuple[ClipRecord, ...],
    splits: dict[str, Sides],
) -> list[Path]:
    lengths = {
        state: np.array([record.seconds for record in records if record.audio == state])
        for state in _STATES
    }
    pictures = [target / "lengths.png"]
    with replacing(pictures[0]) as temporary:
        draw_lengths(temporary, lengths)
    by_id = {record.id: record for record in records}
    for split, sides in splits.items():
        clips = {
            part: {state: np.zeros(len(classes), dtype=np.int64) for state in _STATES}
            for part in sides
        }
        for part, ids in sides.items():
            for clip_id in ids:
                clips[part][by_id[clip_id].audio][by_id[clip_id].label] += 1
        pictures.append(target / f"classes-split{split}.png")
        with replacing(pictures[-1]) as temporary:
            draw_classes(temporary, classes, clips)
    return pictures
