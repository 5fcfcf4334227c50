"""A folder of videos to a sorted list of clips with class and group.

`ucf101`: DIR/<Class>/v_<Class>_gXX_cYY.avi. `folder`: DIR/<class>/**/<video>, or the same below
DIR/train, DIR/val and DIR/test. `hmdb51`: DIR/<class>/**/<video>. A clip's id is its path relative
to DIR, with forward slashes on every system; for a cut of a file, `#` and its span follow.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import quote_from_bytes

from avme.data.catalog import Catalog, Cataloguing, Part, SourceClip
from avme.errors import UsageError
from avme.media.containers import VIDEO_SUFFIXES

Layout = Literal["ucf101", "folder", "csv", "hmdb51", "kinetics", "vggsound"]

_UCF_NAME = re.compile(r"v_(?P<name>.+)_g(?P<group>\d+)_c(?P<clip>\d+)", re.IGNORECASE)
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
"""What people call the sides of a split, in lower case."""
_PRINTABLE = "".join(chr(c) for c in range(32, 127) if chr(c) not in '%,"')


def discover(source: Path, layout: Layout, group_of: Callable[[str], str] | None = None) -> Catalog:
    """All clips below `source`; `group_of` tells the group by the id, where the layout does not.

    Raises UsageError if there is no such folder or no video at the expected places. Links that
    lead out of the folder are not followed.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist: give the folder that holds the class folders")
    if not source.is_dir():
        raise UsageError(f"{source} is a file, expected a folder of class folders with videos")
    root = source.resolve()
    given_parts = layout == "folder" and _has_part_folders(root)
    clips = Cataloguing(root)
    for path in videos_below(root):
        clip = _source_clip(path, root, layout, given_parts)
        if clip is not None:
            clips.add(replace(clip, group=group_of(clip.id)) if group_of else clip)
    if not len(clips):
        links = tuple(links_out_of(root))
        hint = f"; links that lead out of it are not followed, as {links[0]}" if links else ""
        expected = "<Class>/v_<Class>_gXX_cYY.avi" if layout == "ucf101" else "<class>/<video>"
        raise UsageError(
            f"{source} holds no videos: expected {source}/{expected} "
            f"(endings {', '.join(sorted(VIDEO_SUFFIXES))}){hint}"
        )
    return clips.catalog()


def videos_below(root: Path) -> Iterator[Path]:
    """All files below `root`, a resolved path, whose names end as a video's does.

    Links that lead out of it and hidden files are left out. Where folders hold either files or
    folders, the order is that of ids.
    """
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(
            (name for name in subfolders if not name.startswith(".")), key=lambda name: f"{name}/"
        )
        for name in sorted(files):
            if name.startswith(".") or Path(name).suffix.lower() not in VIDEO_SUFFIXES:
                continue
            path = Path(folder, name)
            if path.is_symlink() and not stays_inside(path, root):
                continue
            if path.is_file():
                yield path


def links_out_of(root: Path) -> Iterator[str]:
    """Paths below `root`, a resolved path, of links to folders or videos that lead out of it."""
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        videos = [name for name in files if Path(name).suffix.lower() in VIDEO_SUFFIXES]
        for name in (*subfolders, *videos):
            path = Path(folder, name)
            if path.is_symlink() and not stays_inside(path, root):
                yield identifier(path.relative_to(root).as_posix())


def stays_inside(path: Path, root: Path) -> bool:
    """Whether `path` is there, and still below `root` when all links are followed."""
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # a link to nowhere, or in a circle
        return False


def _has_part_folders(root: Path) -> bool:
    """Whether all class folders stand below train and test (one class may be called train)."""
    names = {path.name.lower() for path in root.iterdir() if path.is_dir()}
    parts = {PARTS[name] for name in names if name in PARTS}
    return names <= PARTS.keys() and {"train", "test"} <= parts


def _source_clip(path: Path, root: Path, layout: Layout, given_parts: bool) -> SourceClip | None:
    relative = PurePosixPath(path.relative_to(root).as_posix())
    part = PARTS[relative.parts[0].lower()] if given_parts and len(relative.parts) > 1 else None
    inner = relative.parts[1:] if part else relative.parts
    if len(inner) < 2:
        return None
    named = _UCF_NAME.fullmatch(relative.stem)
    if layout == "ucf101" and (named is None or len(inner) != 2):
        return None
    status = path.stat()
    clip_id = identifier(str(relative))
    return SourceClip(
        id=clip_id,
        path=path,
        class_name=identifier(inner[0]),
        group=f"g{int(named['group']):02d}" if named else clip_id,
        part=part,
        num_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def identifier(name: str) -> str:
    """`name`, with everything escaped that is no text or would break a line of a list."""
    try:
        name.encode()
        if name.isprintable():
            return name
    except UnicodeEncodeError:
        pass
    return quote_from_bytes(os.fsencode(name), safe=_PRINTABLE)
