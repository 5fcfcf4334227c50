"""Names of subsets (train, val, test) in a table's column or as folders above class folders.

A class may be called `test`: only a folder that contains folders of videos can be a subset.
"""

from pathlib import Path

from avme.errors import UsageError
from avme.sources.clip_table import Part
from avme.sources.video_scan import Videos, identifier

PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validate": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Accepted names of subsets, in lower case."""


def has_side_folders(root: Path) -> bool:
    """Return True if the class folders of `root`, a resolved path, are below train and test or val.

    Raises UsageError if only some are, or if train or test would be empty.
    """
    if not any(path.name.lower() in PARTS for path in root.iterdir()):
        return False
    holds_folders = _folders_with_videos(root)
    named = [name for name in holds_folders if name.lower() in PARTS]
    others = [name for name in holds_folders if name.lower() not in PARTS]
    sides = [name for name in named if holds_folders[name]]
    sides.sort(key=lambda name: PARTS[name.lower()] != "train")
    parts = {PARTS[name.lower()] for name in sides or named}
    if not sides and (others or len(parts) < 2):
        return False
    if not sides:
        raise UsageError(
            f"{root}: the videos lie directly in {_some(named)}, expected class folders there, as "
            f"{named[0]}/<class>/<video>"
        )
    if others:
        raise UsageError(
            f"{root} holds class folders in {_some(sides)} and beside them {_some(others)}: move "
            f"those away, or give {root / sides[0]}; if {sides[0]} is a class, rename its folder"
        )
    if len(parts) < 2 or "train" not in parts:
        raise UsageError(
            f"{root} holds class folders in {_some(sides)} alone, expected some in train and some "
            f"in test or val: add these, or give {root / sides[0]} and a split is drawn; if "
            f"{sides[0]} is a class, rename its folder"
        )
    return True


def _folders_with_videos(root: Path) -> dict[str, bool]:
    """Return the folders with videos, and whether some of them contain such folders."""
    found: dict[str, bool] = {}
    for video in Videos(root):
        top, *inner = video.path.relative_to(root).parts
        if inner:
            found[top] = found.get(top, False) or len(inner) > 1
    return found


def _some(names: list[str]) -> str:
    return ", ".join(identifier(name) for name in names[:3]) + (", ..." if names[3:] else "")
