"""What `avme prep` is pointed at, to clips and splits: one entry for every layout."""

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
    """What says more of the videos than their folder does; each layout knows some of it."""

    lists: Path | None = None
    """`ucf101`, `folder`, `hmdb51`: a folder of split lists."""
    annotations: tuple[Path, ...] = ()
    """`kinetics`, `vggsound`: the tables that come with the set."""
    root: Path | None = None
    """`csv`: the folder that paths count from."""

    def as_call(self) -> dict[str, Any]:
        """With full paths, for a plan; what was not given is None or empty."""
        return {
            "splits": str(self.lists.resolve()) if self.lists else None,
            "annotations": [str(path.resolve()) for path in self.annotations],
            "root": str(self.root.resolve()) if self.root else None,
        }


def find_clips(
    layout: Layout, source: Path, beside: Beside, config: PrepConfig
) -> tuple[Catalog, Splits]:
    """All clips and their splits.

    Raises UsageError where the source does not hold what its layout says.
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
    """Given lists, else lists or folders that lie there, else what the groups allow."""
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
