"""Dispatch of `avme prep LAYOUT` to the layouts: clips and splits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.config.prep import PrepConfig
from avme.errors import UsageError
from avme.sources.clip_table import Catalog
from avme.sources.csv_file import read_listing, splits_of_listing
from avme.sources.folder import Layout, discover
from avme.sources.hmdb51 import find_hmdb51, splits_of_hmdb51
from avme.sources.kinetics import find_kinetics
from avme.sources.split_warnings import explained_by
from avme.sources.splits import Splits, splits_by_chance, splits_by_group_number, splits_by_part
from avme.sources.ucf101 import find_lists, splits_from_lists
from avme.sources.vggsound import find_vggsound


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Further inputs besides the folder of videos; each layout uses some of them."""

    lists: Path | None = None
    """`ucf101`, `folder`, `hmdb51`: folder of split lists."""
    annotations: tuple[Path, ...] = ()
    """`kinetics`, `vggsound`: annotation files of the dataset."""
    root: Path | None = None
    """`csv`: folder that paths are relative to."""

    def as_call(self) -> dict[str, Any]:
        """Return absolute paths for a plan; None or empty if not given."""
        return {
            "splits": str(self.lists.resolve()) if self.lists else None,
            "annotations": [str(path.resolve()) for path in self.annotations],
            "root": str(self.root.resolve()) if self.root else None,
        }


def find_clips(
    layout: Layout, source: Path, beside: Beside, config: PrepConfig
) -> tuple[Catalog, Splits]:
    """Find all clips and their splits.

    Args:
        layout: Layout of the source.
        source: Folder or table.
        beside: Further inputs.
        config: Settings of prep.

    Raises:
        UsageError: The source does not match its layout.
    """
    clips, chosen = _find(layout, source, beside, config)
    return clips, Splits(chosen.splits, (*clips.remarks, *chosen.remarks))


def _find(
    layout: Layout, source: Path, beside: Beside, config: PrepConfig
) -> tuple[Catalog, Splits]:
    match layout:
        case "csv":
            listing = read_listing(source, beside.root)
            return listing.clips, splits_of_listing(source, listing, config)
        case "hmdb51":
            clips = find_hmdb51(source)
            with explained_by(clips.remarks):
                chosen = splits_of_hmdb51(source, beside.lists, clips)
            return clips, chosen
        case "kinetics":
            return find_kinetics(source, _some(beside.annotations))
        case "vggsound":
            return find_vggsound(source, _some(beside.annotations)[0])
        case "ucf101" | "folder":
            clips = discover(source, layout)
            with explained_by(clips.remarks):
                chosen = choose_splits(layout, source, clips, lists=beside.lists, config=config)
            return clips, chosen


def choose_splits(
    layout: Layout,
    source: Path,
    clips: Catalog,
    *,
    lists: Path | None,
    config: PrepConfig,
) -> Splits:
    """Return splits from given lists, else from lists or folders of the source, else by group.

    Args:
        layout: Layout of the source.
        source: Folder of videos.
        clips: Its clips.
        lists: Folder of split lists, if given.
        config: Settings of prep.
    """
    if lists is not None:
        return splits_from_lists(lists, clips)
    if layout == "ucf101":
        found = find_lists(source, clips)
        return splits_from_lists(found, clips) if found else splits_by_group_number(clips)
    if clips.parts.any():
        return splits_by_part(clips)
    return splits_by_chance(clips, config.test_fraction, config.seed)


def _some(annotations: tuple[Path, ...]) -> tuple[Path, ...]:
    if not annotations:
        raise UsageError("no annotations given: name the set's own CSV with --annotations")
    return annotations
