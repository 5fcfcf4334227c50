"""Check that a checkpoint was not trained on the clips that it is scored on.

On the dataset of training, clips are compared by id. On a dataset of another name they are compared
by content: the SHA-256 of their video files, whose list the checkpoint holds.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from avme.errors import ArtifactError, MismatchError
from avme.evaluation.dataset import Facts, has_train_list
from avme.message_text import some_of
from avme.progress import Reporter
from avme.shards.content_hashes import TRAIN_CONTENT, find_hashes, read_hashes
from avme.shards.dataset import ClipEntry, PreparedDataset


def require_unseen(
    entries: tuple[ClipEntry, ...],
    prepared: PreparedDataset,
    facts: Facts,
    split: str,
    report: Reporter,
) -> None:
    """Check that the checkpoint was not trained on any of the clips.

    Args:
        entries: Clips to score.
        prepared: Their dataset.
        facts: Metadata of the checkpoint; published weights have none, and nothing is known.
        split: Name of the split.
        report: Receives a warning if checkpoint or dataset lack content hashes.

    Raises:
        MismatchError: The checkpoint was, or may have been, trained on one of the clips.
        ArtifactError: The checkpoint's content hashes are damaged.
    """
    if has_train_list(facts, prepared):
        _require_other_ids(entries, prepared, facts, split)
    elif facts.get("dataset") == prepared.name:
        raise MismatchError(
            f"{prepared.folder} was prepared again after the checkpoint was trained: its train "
            f"list of split {facts.get('split')} differs, so that test clips may have been "
            "trained on; fine-tune on it again"
        )
    elif facts:
        _require_other_content(entries, prepared, facts, report)


def without_content(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the provenance of weights for a summary, without lists of content hashes."""
    if facts is None:
        return None
    return {
        key: without_content(value) if isinstance(value, Mapping) else value
        for key, value in facts.items()
        if key != TRAIN_CONTENT
    }


def _require_other_ids(
    entries: tuple[ClipEntry, ...], prepared: PreparedDataset, facts: Facts, split: str
) -> None:
    trained = facts["split"]
    seen = {entry.id for entry in prepared.subset(trained, "train")}
    overlap = sum(entry.id in seen for entry in entries)
    if overlap:
        raise MismatchError(
            f"{overlap} of {len(entries)} test clips of split {split} were trained on: the "
            f"checkpoint belongs to split {trained}; fine-tune again with --split {split}"
        )


def _require_other_content(
    entries: tuple[ClipEntry, ...], prepared: PreparedDataset, facts: Facts, report: Reporter
) -> None:
    packed = facts.get(TRAIN_CONTENT)
    hashes = read_hashes(prepared, entries) if packed else None
    if not packed or hashes is None:
        lacks = f"{prepared.folder}" if packed else "the checkpoint"
        report.log(
            f"warning: {lacks} has no content hashes: whether the classifier was trained on clips "
            "of this list is unknown"
        )
        return
    try:
        seen = find_hashes(hashes, packed)
    except ValueError as error:
        raise ArtifactError(
            f"the checkpoint has invalid content ({TRAIN_CONTENT}: {error}): take another "
            "checkpoint of the run, or copy the file again"
        ) from error
    if seen.any():
        names = some_of([entries[index].id for index in np.flatnonzero(seen)])
        raise MismatchError(
            f"{int(seen.sum())} of {len(entries)} test clips of {prepared.folder} are from video "
            f"files that the checkpoint was trained on ({names}): score other clips, or those of "
            "--list train"
        )
