"""Some clips of a prepared set as a table for `avme prep csv`, and the command that prepares them.

A clip's id is its path below the folder of videos; for a cut, `#` and its span follow.
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
    records: Sequence[ClipRecord], sides: Mapping[str, Collection[str]], kept: Collection[str]
) -> str:
    """CSV of the clips whose id is in `kept`, each on its side (train, test) of a split."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    chosen = {name: set(ids) & set(kept) for name, ids in sides.items()}
    for record in records:
        for name, ids in chosen.items():
            if record.id in ids:
                path, start, end = _place(record.id)
                writer.writerow([path, record.class_name, name, record.group, start, end])
    return text.getvalue()


def subset_command(plan: Mapping[str, Any], table: Path, out: Path) -> str:
    """The command that prepares the clips of `table` as the set `out`, for a shell.

    `plan` is the plan.json of the set that they are from: its videos and settings are used again.
    """
    identity, call = dict(plan["identity"]), dict(plan.get("call", {}))
    source = Path(identity["source"])
    root = source
    if identity["layout"] == "csv":
        root = Path(call.get("root") or source.parent)
    identity |= {"layout": "csv", "source": str(table)}
    call |= {"root": str(root), "splits": None, "annotations": []}
    return prep_command({"identity": identity, "call": call, "clips": plan["clips"]}, out)


def finetune_command(
    dataset: Path, split: str, options: Sequence[str], run: str | None = None
) -> str:
    """The command that fine-tunes on a split of a prepared set with these options, for a shell.

    With `run` it writes a run folder of that ending, so that several commands can run in turn.
    """
    chosen = [] if split == "1" else ["--split", split]
    out = ["--out", f"runs/finetune-{dataset.resolve().name}-av-{run}"] if run else []
    return join_command(["avme", "finetune", "--data", str(dataset), *chosen, *options, *out])


def _place(clip_id: str) -> tuple[str, str, str]:
    """Path, start and end; the times are empty for a whole file."""
    cut = _CUT.fullmatch(clip_id)
    if cut is None:
        return clip_id, "", ""
    return cut["path"], cut["start"], cut["end"] or ""
