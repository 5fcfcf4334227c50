"""Subset of a dataset's clips as a table for `avme prep csv`, with the command to prepare it.

A clip's id is its path below the folder of videos; for a segment, `#` and its span follow.
"""

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from avme.io.shell_quote import join_command
from avme.shards.rebuild_command import prep_command
from avme.shards.record import ClipRecord

_COLUMNS: Final = ("path", "label", "split", "group", "start", "end")
_CUT: Final = re.compile(r"(?P<path>.+)#(?P<start>\d+(\.\d+)?)-(?P<end>\d+(\.\d+)?)?")


def subset_table(
    records: Sequence[ClipRecord], subsets: Mapping[str, Collection[str]], kept: Collection[str]
) -> str:
    """Return a CSV of the clips in `kept`.

    Args:
        records: Clips of the dataset.
        subsets: Clip ids of the train and test list of a split.
        kept: Ids of the subset.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    chosen = {name: set(ids) & set(kept) for name, ids in subsets.items()}
    for record in records:
        for name, ids in chosen.items():
            if record.id in ids:
                path, start, end = _place(record.id)
                writer.writerow([path, record.class_name, name, record.group, start, end])
    return text.getvalue()


def subset_command(plan: Mapping[str, Any], table: Path, out: Path) -> str:
    """Return the shell command that prepares the subset.

    Args:
        plan: plan.json of the original dataset: its videos and settings are used again.
        table: CSV of the subset.
        out: Folder of the new dataset.
    """
    identity, call = dict(plan["identity"]), dict(plan["call"])
    source = Path(identity["source"])
    root = source
    if identity["layout"] == "csv":
        root = Path(call.get("root") or source.parent)
    identity |= {"layout": "csv", "source": str(table)}
    call |= {"root": str(root), "splits": None, "annotations": []}
    return prep_command({"identity": identity, "call": call}, out)


def finetune_command(
    dataset: Path, split: str, options: Sequence[str], run: str | None = None
) -> str:
    """Return the shell command that fine-tunes on a split with these options.

    Args:
        dataset: Prepared dataset.
        split: Name of the split.
        options: Further options.
        run: Suffix of the run folder, so that several commands can run in turn.
    """
    chosen = [] if split == "1" else ["--split", split]
    out = ["--out", f"runs/finetune-{dataset.resolve().name}-av-{run}"] if run else []
    return join_command(["avme", "finetune", "--data", str(dataset), *chosen, *options, *out])


def _place(clip_id: str) -> tuple[str, str, str]:
    """Return path, start and end; the times are empty for a full file."""
    cut = _CUT.fullmatch(clip_id)
    if cut is None:
        return clip_id, "", ""
    return cut["path"], cut["start"], cut["end"] or ""
