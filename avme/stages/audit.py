"""Audit of a prepared dataset: its content, and whether audio presence predicts the class.

Only tables are read, no shards but for the baselines: `avme verify` checks whether they agree.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from avme.audio.loudness import AUDIO_STATES
from avme.audit.audio_leak import count, measure
from avme.audit.protocol_leakage import Clips, classes_with_audio, protocols
from avme.audit.subset_csv import finetune_command, subset_command, subset_table
from avme.audit.summary import Subsets, survey, survey_classes, survey_split
from avme.errors import SystemRequirementError, UsageError
from avme.figures.contents import draw_classes, draw_lengths
from avme.figures.drawing import draw_or_warn
from avme.io.atomic import read_json, write_json, write_text
from avme.io.filenames import PLAN
from avme.prep.plan_file import MOST_PLAN_BYTES
from avme.progress import NullReporter, Reporter
from avme.shards.dataset import PreparedDataset
from avme.shards.index import read_records
from avme.shards.rebuild_command import require_plan
from avme.shards.record import ClipRecord
from avme.stages.features.baselines import measure_baselines

_SHOWN = ("name", "train", "test", "classes", "bits")
"""Numbers shown for each protocol, beside its command."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Result of an audit and the files it wrote."""

    facts: dict[str, Any]
    """Content of `audit.json`."""
    files: tuple[Path, ...]


def audit(
    folder: Path,
    *,
    out: Path | None,
    baselines: bool = False,
    tell: Callable[[dict[str, Any]], None] = lambda facts: None,
    report: Reporter | None = None,
) -> Audit:
    """Write audit.json and figures to `out`, or to `audit` in the dataset's folder.

    Args:
        folder: Prepared dataset.
        out: Folder to write.
        baselines: Fit linear models on mean colors and MFCC statistics, from the shards.
        tell: Called with the result before anything is written.
        report: Receives progress of the baselines, and warnings of failed figures.

    Raises:
        ArtifactError: No finished dataset, or a damaged shard.
        UsageError: A file is in the way.
        SystemRequirementError: The folder is not writable.
    """
    prepared, target = PreparedDataset.open(folder), out or folder / "audit"
    report = report or NullReporter()
    records, tables = read_records(folder), dict[Path, str]()
    splits: dict[str, Subsets] = {
        split: {
            "train": [entry.id for entry in prepared.subset(split, "train", allow_empty=True)],
            "test": [entry.id for entry in prepared.subset(split, "test", allow_empty=True)],
        }
        for split in prepared.splits
    }
    free = measure_baselines(prepared, report) if baselines else {}
    facts = {
        "dataset": prepared.name,
        "fingerprint": prepared.fingerprint,
        "quarantined": prepared.manifest["counts"]["quarantined"],
        **survey(records, prepared.classes),
        "splits": {
            split: {
                **survey_split(records, subsets),
                **_presence(records, split, subsets, prepared, target, tables),
                **({"baselines": free[split]} if baselines else {}),
            }
            for split, subsets in splits.items()
        },
        "per_class": survey_classes(records, prepared.classes, splits),
    }
    tell(facts)
    with _writing(target):
        write_json(target / "audit.json", facts)
        for path, text in tables.items():
            write_text(path, text)
        pictures = _draw(target, prepared, records, splits, report)
    return Audit(facts, (target / "audit.json", *tables, *pictures))


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
        raise SystemRequirementError(
            f"{target} cannot be written ({said}): name another folder with --out"
        ) from error


def _presence(
    records: tuple[ClipRecord, ...],
    split: str,
    subsets: Subsets,
    prepared: PreparedDataset,
    target: Path,
    tables: dict[Path, str],
) -> dict[str, Any]:
    """Return the leakage of one split, without and with every protocol; None without a list.

    A protocol on a subset of the clips adds the table to write to `tables`.
    """
    by_id, num_classes = {record.id: record for record in records}, len(prepared.classes)
    members = {part: [by_id[clip_id] for clip_id in ids] for part, ids in subsets.items()}
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
    plan = _plan(prepared.folder) if leak.is_evident else None
    rows = []
    for protocol in protocols(*counts):
        row = {key: getattr(protocol, key) for key in _SHOWN}
        if protocol.options is not None:
            row["how"] = finetune_command(prepared.folder, split, protocol.options, protocol.run)
        elif plan and protocol.train and protocol.test and protocol.classes > 1:
            name = protocol.clips.replace(" ", "-")
            table = target / f"{name}-split{split}.csv"
            kept = _kept(protocol.clips, records, classes_with_audio(counts[0]))
            tables[table] = subset_table(records, subsets, kept)
            new = prepared.folder.with_name(f"{prepared.folder.resolve().name}-{name}")
            row["how"] = subset_command(plan, table, new)
        else:
            row["how"] = ""
        rows.append(row)
    return {"leak": {**asdict(leak), "is_evident": leak.is_evident}, "protocols": rows}


def _plan(folder: Path) -> dict[str, Any] | None:
    """Read plan.json for the location of the videos; None if missing or damaged."""
    if not (folder / PLAN).is_file():
        return None
    plan = read_json(folder / PLAN, most_bytes=MOST_PLAN_BYTES)
    try:
        require_plan(plan)
    except (KeyError, TypeError, ValueError, AttributeError):  # `avme verify` reports it
        return None
    return plan


def _kept(clips: Clips, records: tuple[ClipRecord, ...], with_audio: np.ndarray) -> set[str]:
    if clips == "usable audio":
        return {record.id for record in records if record.usable_audio}
    return {record.id for record in records if with_audio[record.label]}


def _draw(
    target: Path,
    prepared: PreparedDataset,
    records: tuple[ClipRecord, ...],
    splits: dict[str, Subsets],
    report: Reporter,
) -> list[Path]:
    """Draw the figures; return those that succeeded."""
    classes = prepared.classes
    lengths = {
        state: np.array([record.seconds for record in records if record.audio == state])
        for state in AUDIO_STATES
    }
    title = _title_of_lengths(prepared.name, records)
    draw: dict[Path, Callable[[Path], None]] = {
        target / "lengths.png": partial(draw_lengths, seconds=lengths, title=title)
    }
    by_id = {record.id: record for record in records}
    for split, subsets in splits.items():
        clips = {
            part: {state: np.zeros(len(classes), dtype=np.int64) for state in AUDIO_STATES}
            for part in subsets
        }
        for part, ids in subsets.items():
            for clip_id in ids:
                clips[part][by_id[clip_id].audio][by_id[clip_id].label] += 1
        title = _title_of_classes(prepared.name, split, clips)
        draw[target / f"classes-split{split}.png"] = partial(
            draw_classes, classes=classes, clips=clips, title=title
        )
    return [path for path, drawing in draw.items() if draw_or_warn(path, drawing, report)]


def _title_of_lengths(name: str, records: tuple[ClipRecord, ...]) -> str:
    seconds = np.array([record.seconds for record in records])
    if not len(seconds):
        return f"{name}: n = 0 clips"
    return (
        f"{name}: n = {len(seconds)} clips, {seconds.sum() / 3600:.2f} hours, "
        f"median {np.median(seconds):.1f} s"
    )


def _title_of_classes(name: str, split: str, clips: dict[str, dict[str, np.ndarray]]) -> str:
    counts = {part: sum(int(n.sum()) for n in states.values()) for part, states in clips.items()}
    total, audible = sum(counts.values()), sum(int(s["audible"].sum()) for s in clips.values())
    listed = " and ".join(f"{count} {part}" for part, count in counts.items())
    return (
        f"{name}, split {split}: n = {listed} clips, {100 * audible / max(total, 1):.1f} % audible"
    )
