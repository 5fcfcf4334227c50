"""Annotations of YouTube videos and a folder of downloads, to clips and a split.

A video exists as a trimmed clip, or in full, and is then segmented. Missing videos are normal: they
are counted. An annotation's id is only compared with names, never opened.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from avme.errors import UsageError
from avme.media.span import Span
from avme.sources.clip_lookup import ClipLookup
from avme.sources.clip_table import ClipTableBuilder, SourceClip, Subset
from avme.sources.csv_reader import Row
from avme.sources.duplicates import Copies
from avme.sources.split_strategies import splits_by_subset
from avme.sources.splits import SourceResult, explained_by, warn_of_missing_videos
from avme.sources.string_array import StringArray
from avme.sources.video_scan import VideoScanner, identifier


@dataclass(frozen=True, slots=True)
class Annotation:
    """Span of a YouTube video with its class and subset."""

    video: str
    """YouTube id: the group."""
    span: Span
    class_name: str
    subset: Subset


def annotation_of(row: Row, span: Span) -> Annotation:
    """Parse the columns `youtube_id`, `label` and `split`; raises UsageError for an invalid one."""
    return Annotation(
        video=row.text("youtube_id"),
        span=span,
        class_name=identifier(row.text("label")),
        subset=row.subset("split"),
    )


def find_annotated(
    source: Path, annotations: Iterable[Annotation], trimmed: Callable[[Annotation], str]
) -> SourceResult:
    """Find the annotated clips below `source` and their split.

    Args:
        source: Folder of videos.
        annotations: Annotations.
        trimmed: Returns the file name, without suffix, of a trimmed clip.

    Raises:
        UsageError: No clip exists, or none to train on or to test.
    """
    if not source.is_dir():
        raise UsageError(f"{source} is not a folder, expected the one that holds the videos")
    root = source.resolve()
    files, filling, missing = _Files(root), ClipTableBuilder(root), StringArray()
    num_annotations, some = 0, ""
    for annotation in annotations:
        num_annotations += 1
        clip = _clip(annotation, stem := trimmed(annotation), root, files)
        if clip is not None:
            filling.add(clip)
            continue
        missing.append(stem.encode())
        some = some or f"{stem}.mp4 or {annotation.video}.mp4"
    if not len(filling):
        raise UsageError(
            f"none of the {num_annotations} annotated videos is below {source}: expected {some} "
            "there or in a folder of it"
        )
    found = filling.build(first_only=True)
    warnings = [*files.warnings, *files.copies.warnings()]
    warnings.extend(warn_of_missing_videos(len(missing), missing))
    if num_repeated := len(filling) - len(found):
        warnings.append(
            f"{num_repeated} annotations name a clip that an earlier one names: left out"
        )
    if files.num_unnamed:
        warnings.append(f"{files.num_unnamed} videos on the disk are in no annotation: left out")
    with explained_by(warnings):
        splits = splits_by_subset(found, warnings)
    return SourceResult(found, splits, tuple(warnings))


class _Files:
    """Videos below a folder, by file name without suffix.

    Of several copies an intact one is used, in any folder; of equal ones a file without a symlink
    comes first, then the first by name.
    """

    def __init__(self, root: Path) -> None:
        self._root, self.copies = root, Copies(root)
        self._names, videos = StringArray(), VideoScanner(root)
        self._is_link = bytearray()
        for video in videos:
            self._names.append(os.fsencode(video.path.relative_to(root)))
            self._is_link.append(video.path != video.target)
        self.warnings = tuple(videos.warnings())
        self._stems = ClipLookup(len(self._names), lambda index: self._file(index).stem)
        self._is_named = bytearray(len(self._names))

    @property
    def num_unnamed(self) -> int:
        """Number of files without an annotation."""
        return len(self._stems) - sum(self._is_named)

    def find(self, stem: str) -> PurePath | None:
        """Return a path below the folder."""
        index = self._choose(list(self._stems.all(stem)))
        if index is None:
            return None
        self._is_named[index] = True
        return self._file(index)

    def _choose(self, indices: list[int]) -> int | None:
        indices.sort(key=lambda index: (self._is_link[index], self._file(index).parts))
        paths = [self._root / self._file(index) for index in indices]
        chosen = self.copies.choose(paths)
        return None if chosen is None else indices[chosen]

    def _file(self, index: int) -> PurePath:
        return PurePath(os.fsdecode(self._names.get_bytes(index)))


def _clip(annotation: Annotation, stem: str, root: Path, files: _Files) -> SourceClip | None:
    """Return the clip as a file of its own, else as a span of the full video, else None."""
    file = files.find(stem) or files.find(annotation.video)
    if file is None:
        return None
    span = None if file.stem == stem else annotation.span
    path = root / file
    status = path.stat()
    file_id = identifier(file.as_posix())
    return SourceClip(
        id=f"{file_id}#{span}" if span else file_id,
        path=path,
        class_name=annotation.class_name,
        group=identifier(annotation.video),
        subset=annotation.subset,
        num_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        span=span,
        is_listed=True,
    )
