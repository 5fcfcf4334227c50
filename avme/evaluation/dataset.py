"""Dataset of an evaluation: located, compared with the checkpoint's, refused if trained on.

`facts` are the metadata of a checkpoint besides its settings; published weights have none.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from avme.data.class_coverage import MOST_NAMED, ClassCoverage
from avme.data.protocol import select_clips
from avme.errors import UsageError
from avme.message_text import some_of
from avme.progress import Reporter
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.dataset_lookup import DatasetId, find_dataset, only_dataset

DATA = Path("data")
Facts = Mapping[str, Any]
AudioSubset = Literal["all", "audio", "silent"]


def own_dataset(facts: Facts, report: Reporter) -> Path:
    """Return the folder in `data/` of the dataset that a checkpoint was trained on, and report it.

    Without facts it is the only dataset.

    Raises:
        ArtifactError: No such dataset.
        UsageError: Several datasets, none of them the checkpoint's.
    """
    trained = trained_on(facts)
    folder = only_dataset(DATA) if trained is None else find_dataset(DATA, trained).folder
    report.log(f"scoring {folder}")
    return folder


def trained_on(facts: Facts) -> DatasetId | None:
    """Return name and fingerprint of the training dataset, None if they are unknown."""
    if "dataset" not in facts or "fingerprint" not in facts:
        return None
    return DatasetId(str(facts["dataset"]), str(facts["fingerprint"]))


def report_other_dataset(facts: Facts, prepared: PreparedDataset, report: Reporter) -> None:
    """Warn if the dataset is not the checkpoint's.

    Args:
        facts: Metadata of the checkpoint.
        prepared: Dataset to score.
        report: Receives the warning.
    """
    trained, scored = trained_on(facts), DatasetId(prepared.name, prepared.fingerprint)
    if trained is None or scored.fingerprint == trained.fingerprint:
        return
    if scored.name == trained.name:
        report.log(
            f"warning: {prepared.folder} was prepared again after training: it is {scored}, the "
            f"classifier was trained on {trained}"
        )
    else:
        report.log(
            f"warning: {prepared.folder} is {scored}, the classifier was trained on {trained}"
        )


def trained_classes(facts: Facts, prepared: PreparedDataset) -> tuple[str, ...]:
    """Return the classes with a training clip, or all if the train list is not this dataset's.

    Clips that the checkpoint's protocol leaves out do not count.
    """
    if not has_train_list(facts, prepared):
        return prepared.classes
    listed = prepared.subset(facts["split"], "train", allow_empty=True)
    entries = select_clips(facts.get("protocol", "all"), listed, "the train list")
    return tuple({entry.class_name for entry in entries})


def has_train_list(facts: Facts, prepared: PreparedDataset) -> bool:
    """Return True if the checkpoint was trained on the train list of this dataset's split."""
    split = facts.get("split")
    return split in prepared.splits and (
        prepared.list_sha256(str(split), "train") == facts.get("train_list_sha256")
    )


def report_coverage(coverage: ClassCoverage, classes: Sequence[str], report: Reporter) -> None:
    """Warn of classes without training clips, and of a single class.

    Args:
        coverage: Coverage of the scored list.
        classes: Classes that the classifier chooses from.
        report: Receives the warnings.
    """
    if names := coverage.untrained:
        report.log(
            f"warning: {len(names)} of {len(classes)} classes have no training clip "
            f"({some_of(names, MOST_NAMED)}): {coverage.num_untrained_clips} of "
            f"{coverage.num_clips} clips cannot be right, "
            f"top-1 is at most {100 * coverage.highest_top1:.2f} %"
        )
    if len(classes) == 1:
        report.log(f"warning: there is one class ({classes[0]}): top-1 is 100 % for any classifier")
    elif coverage.only_class is not None:
        report.log(
            f"warning: all {coverage.num_clips} clips are of one class ({coverage.only_class}): "
            "top-1 is 100 % for a classifier that always predicts it"
        )


def select_by_audio(
    entries: tuple[ClipEntry, ...], subset: AudioSubset, listed: str
) -> tuple[ClipEntry, ...]:
    """Return the clips with audible audio (`audio`), those without (`silent`), or all.

    Args:
        entries: Clips of a list.
        subset: Clips to keep.
        listed: Name of the list, for the message.

    Raises:
        UsageError: No clip is left.
    """
    if subset == "all":
        return entries
    chosen = tuple(entry for entry in entries if entry.has_audio == (subset == "audio"))
    if not chosen:
        have = "has audible audio" if subset == "audio" else "is silent or without a track"
        raise UsageError(
            f"--subset {subset}: none of the {len(entries)} clips of {listed} {have}: choose "
            "another subset"
        )
    return chosen
