"""Layouts of folders: videos to clips with class and group.

`ucf101`: DIR/<Class>/v_<Class>_gXX_cYY.avi. `folder`: DIR/<class>/**/<video>, or the same below
DIR/train, DIR/val and DIR/test. `hmdb51`: DIR/<class>/**/<video>. A clip's id is its path relative
to DIR, with forward slashes on every system; for a segment of a file, `#` and its span follow.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from avme.errors import UsageError
from avme.io.shell_quote import quote_word
from avme.media.container.formats import VIDEO_SUFFIXES
from avme.message_text import some_of
from avme.sources.clip_table import SUBSET_ALIASES, ClipTable, ClipTableBuilder, SourceClip, Subset
from avme.sources.duplicates import drop_copies
from avme.sources.video_scan import NameSample, Video, VideoScanner, identifier

Layout = Literal["ucf101", "folder", "csv", "hmdb51", "kinetics", "vggsound"]
_MOST_INNER = 4
GroupOf = Callable[[str], str | None]
"""Returns the group in an id, if there is one."""

_UCF_NAME = re.compile(r"v_(?P<name>.+)_g(?P<group>\d+)_c(?P<clip>\d+)", re.IGNORECASE)


def ucf101_group(clip_id: str) -> str | None:
    """Return `Class/gXX` for a name of UCF-101, else None.

    Group numbers are per class: g08 of two classes are two recordings. If folder and file name
    differ in letter case, the folder's spelling is used.
    """
    path = PurePosixPath(clip_id)
    named = _UCF_NAME.fullmatch(path.stem)
    if named is None:
        return None
    folder, name = path.parent.name, named["name"]
    return f"{folder if folder.lower() == name.lower() else name}/g{int(named['group']):02d}"


def find_videos(
    source: Path, layout: Layout, warnings: list[str], group_of: GroupOf = ucf101_group
) -> ClipTable:
    """Find all clips below `source`.

    Symlinks that leave the folder are not followed, and a file is one clip, for any number of
    symlinks to it. With names of a published dataset, files of one class that differ only in suffix
    or folder are duplicates, of which an intact one is used.

    Args:
        source: Folder of videos.
        layout: Layout.
        warnings: Receives warnings about other files.
        group_of: Returns the group in an id.

    Raises:
        UsageError: The folder is missing or has no video at the expected paths.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist: give the folder that holds the class folders")
    if not source.is_dir():
        raise UsageError(f"{source} is a file, expected a folder of class folders with videos")
    root = source.resolve()
    found = _Found(root, layout, group_of)
    clips = ClipTableBuilder(root)
    for clip in found:
        clips.add(clip)
    if not len(clips):
        raise UsageError(found.why_nothing(source))
    warnings.extend(found.warnings())
    catalog = clips.build()
    return drop_copies(catalog, warnings) if layout in ("ucf101", "hmdb51") else catalog


class _Found:
    """Clips below a folder, and other files found there."""

    def __init__(self, root: Path, layout: Layout, group_of: GroupOf) -> None:
        self._videos, self._layout, self._group_of = VideoScanner(root), layout, group_of
        self._has_sides = layout == "folder" and has_side_folders(root)
        self._left_out, self._num_loose, self._twice = NameSample(), 0, NameSample()
        self._linked: set[Path] = set()
        self._lower: Counter[Path] = Counter()
        """Folders further down that contain class folders, with their videos."""
        self._classes: set[str] = set()
        self._inner: set[str] = set()
        self._num_direct = 0

    def __iter__(self) -> Iterator[SourceClip]:
        for video in self._videos:
            relative = video.path.relative_to(self._videos.root)
            clip_id = identifier(relative.as_posix())
            side, *inner = self._from_side_on(video.path)
            if not self._fits(inner):
                self._left_out.add(clip_id)
                self._num_loose += len(relative.parts) == 1
                is_deep = self._layout == "ucf101" and len(relative.parts) > 2
                if is_deep and self._fits(list(relative.parts[-2:])):
                    self._lower[video.path.parent.parent] += 1
            elif self._is_there_without(video):
                self._twice.add(clip_id)
            else:
                self._classes.add(inner[0])
                self._num_direct += len(inner) == 2
                if len(inner) > 2 and len(self._inner) < _MOST_INNER:
                    self._inner.add(inner[1])
                yield self._clip(
                    clip_id, video, SUBSET_ALIASES[side.lower()] if side else None, inner[0]
                )

    def warnings(self) -> Iterator[str]:
        """Return warnings about files that are no clips, and about duplicates."""
        yield from self._videos.warnings()
        if self._left_out.count:
            is_ucf = self._layout == "ucf101"
            what = f"are not {self._expected()}" if is_ucf else "are in no class folder"
            yield f"{self._left_out.count} videos {what}: left out, as {self._left_out}"
        if self._twice.count:
            yield (
                f"{self._twice.count} videos are links to files that are clips already: left out, "
                f"as {self._twice}"
            )
        (only, *others) = self._classes or {""}
        if only and not others and not self._num_direct and len(self._inner) > 1:
            yield (
                f"warning: all clips are of the class {only}, whose videos are in folders "
                f"({some_of(sorted(self._inner))}): did you mean {self._videos.root / only}?"
            )

    def why_nothing(self, source: Path) -> str:
        """Return the message if no clip was found."""
        if self._num_loose and self._num_loose == self._left_out.count:
            return (
                f"{source}: its videos ({self._num_loose}) are directly in it, expected "
                f"{self._expected()} below it: if it is a class, give the folder that holds it, "
                f"{self._videos.root.parent}"
            )
        if self._lower:
            folder, count = self._lower.most_common(1)[0]
            inside = source / folder.relative_to(self._videos.root)
            return (
                f"{source} holds no {self._expected()}, but {inside} does ({count} videos): did "
                f"you mean {inside}?"
            )
        if self._left_out.count and self._layout == "ucf101":
            return (
                f"{source} holds no {self._expected()}: its videos "
                f"({self._left_out.count}) have other names, as {self._left_out}; for one folder "
                f"per class, run avme prep folder {quote_word(str(source))}"
            )
        problem = f"{source} holds no videos: expected {source}/{self._expected()}"
        endings = ", ".join(sorted(VIDEO_SUFFIXES))
        return "; ".join([f"{problem} (endings {endings})", *self.warnings()])

    def _expected(self) -> str:
        return "<Class>/v_<Class>_gXX_cYY.avi" if self._layout == "ucf101" else "<class>/<video>"

    def _from_side_on(self, path: Path) -> tuple[str, ...]:
        parts = path.relative_to(self._videos.root).parts
        return parts if self._has_sides else ("", *parts)

    def _is_there_without(self, video: Video) -> bool:
        """Return True if a symlink's target is a clip itself, or through an earlier symlink."""
        if video.path == video.target:
            return False
        side, *inner = self._from_side_on(video.target)
        is_side = not self._has_sides or side.lower() in SUBSET_ALIASES
        if self._videos.shows(video.target) and is_side and self._fits(inner):
            return True
        is_known = video.target in self._linked
        self._linked.add(video.target)
        return is_known

    def _fits(self, inner: list[str]) -> bool:
        """Return True for the path of a clip, relative to its class folder's parent."""
        if self._layout == "ucf101":
            return len(inner) == 2 and ucf101_group(inner[1]) is not None
        return len(inner) > 1

    def _clip(self, clip_id: str, video: Video, part: Subset | None, class_name: str) -> SourceClip:
        status = video.path.stat()
        return SourceClip(
            id=clip_id,
            path=video.path,
            class_name=identifier(class_name),
            group=self._group_of(clip_id) or clip_id,
            subset=part,
            num_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
        )


def has_side_folders(root: Path) -> bool:
    """Return True if the class folders of `root`, a resolved path, are below train and test or val.

    Raises UsageError if only some are, or if train or test would be empty.
    """
    if not any(path.name.lower() in SUBSET_ALIASES for path in root.iterdir()):
        return False
    holds_folders = _folders_with_videos(root)
    named = [name for name in holds_folders if name.lower() in SUBSET_ALIASES]
    others = [name for name in holds_folders if name.lower() not in SUBSET_ALIASES]
    sides = [name for name in named if holds_folders[name]]
    sides.sort(key=lambda name: SUBSET_ALIASES[name.lower()] != "train")
    parts = {SUBSET_ALIASES[name.lower()] for name in sides or named}
    if not sides and (others or len(parts) < 2):
        return False
    if not sides:
        raise UsageError(
            f"{root}: the videos are directly in {_some(named)}, expected class folders there, as "
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
    for video in VideoScanner(root):
        top, *inner = video.path.relative_to(root).parts
        if inner:
            found[top] = found.get(top, False) or len(inner) > 1
    return found


def _some(names: list[str]) -> str:
    return some_of(map(identifier, names))
