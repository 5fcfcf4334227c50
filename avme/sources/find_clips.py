"""Dispatch of `avme prep LAYOUT` to the layouts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.config.prep import PrepConfig
from avme.errors import UsageError
from avme.sources.csv_file import find_csv
from avme.sources.folder import Layout, find_videos
from avme.sources.hmdb51 import find_hmdb51
from avme.sources.kinetics import find_kinetics
from avme.sources.split_strategies import random_splits, splits_by_subset
from avme.sources.splits import SourceResult, explained_by
from avme.sources.ucf101 import find_ucf101, splits_from_lists
from avme.sources.vggsound import find_vggsound


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Further inputs besides the folder of videos; each layout uses some of them."""

    lists: Path | None = None
    """`ucf101`, `folder`, `hmdb51`: folder of split lists."""
    annotations: tuple[Path, ...] = ()
    """`kinetics`, `vggsound`: annotation files of the dataset."""
    root: Path | None = None
    """`csv`: folder that paths are relative to."""

    def as_record(self) -> dict[str, Any]:
        """Return absolute paths for a plan; None or empty if not given."""
        return {
            "splits": str(self.lists.resolve()) if self.lists else None,
            "annotations": [str(path.resolve()) for path in self.annotations],
            "root": str(self.root.resolve()) if self.root else None,
        }


def find_clips(
    layout: Layout, source: Path, beside: SourceOptions, config: PrepConfig
) -> SourceResult:
    """Find all clips and their splits.

    Args:
        layout: Layout of the source.
        source: Folder or table.
        beside: Further inputs.
        config: Settings of prep.

    Raises:
        UsageError: The source does not match its layout.
    """
    match layout:
        case "ucf101":
            return find_ucf101(source, beside.lists)
        case "folder":
            return find_folder(source, beside.lists, config)
        case "csv":
            return find_csv(source, beside.root, config)
        case "hmdb51":
            return find_hmdb51(source, beside.lists)
        case "kinetics":
            return find_kinetics(source, _require_annotations(beside.annotations))
        case "vggsound":
            return find_vggsound(source, _require_annotations(beside.annotations)[0])


def find_folder(source: Path, lists: Path | None, config: PrepConfig) -> SourceResult:
    """Find the clips of class folders, split by `lists`, folders of subsets, or by chance.

    Args:
        source: Folder of videos.
        lists: Folder of split lists, if given.
        config: Settings of prep.

    Raises:
        UsageError: There are no clips or no splits of them.
    """
    warnings: list[str] = []
    clips = find_videos(source, "folder", warnings)
    with explained_by(warnings):
        if lists is not None:
            splits = splits_from_lists(lists, clips, warnings)
        elif clips.subsets.any():
            splits = splits_by_subset(clips, warnings)
        else:
            splits = random_splits(clips, config.test_fraction, config.seed, warnings)
    return SourceResult(clips, splits, tuple(warnings))


def _require_annotations(annotations: tuple[Path, ...]) -> tuple[Path, ...]:
    if not annotations:
        raise UsageError("no annotations given: name the set's own CSV with --annotations")
    return annotations
