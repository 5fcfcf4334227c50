"""Annotations of YouTube videos and a folder of what could be downloaded, to clips and a split.

A video is there as a clip that was cut already, or whole, and then it is cut here. That many are
gone is normal: they are counted. An annotation's id is only compared with names, never opened.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avme.data.catalog import Catalog, Part, SourceClip, catalog_of
from avme.data.discover import identifier, videos_below
from avme.data.listing import remarks_on_missing
from avme.data.splits import Splits, splits_by_part
from avme.data.table import Row
from avme.errors import UsageError
from avme.media.span import Span


@dataclass(frozen=True, slots=True)
class Annotation:
    """A span of a YouTube video, what it shows, and its side."""

    video: str
    """YouTube's id: the group."""
    span: Span
    class_name: str
    part: Part


def annotation_of(row: Row, span: Span) -> Annotation:
    """From the columns `youtube_id`, `label` and `split`; raises UsageError if one is unusable."""
    return Annotation(
        video=row.text("youtube_id"),
        span=span,
        class_name=identifier(row.text("label")),
        part=row.part("split"),
    )


def find_annotated(
    source: Path, annotations: Sequence[Annotation], trimmed: Callable[[Annotation], str]
) -> tuple[Catalog, Splits]:
    """The annotated clips below `source` and their split.

    `trimmed` names the file, without ending, of a clip that was cut already. Raises UsageError if
    none is there, or none to train on or to test.
    """
    if not source.is_dir():
        raise UsageError(f"{source} is not a folder, expected the one that holds the videos")
    root = source.resolve()
    files = _by_stem(videos_below(root))
    clips: dict[str, SourceClip] = {}
    missing: list[str] = []
    num_repeated = 0
    for annotation in annotations:
        clip = _clip(annotation, trimmed(annotation), root, files)
        if clip is None:
            missing.append(trimmed(annotation))
        elif clip.id in clips:
            num_repeated += 1
        else:
            clips[clip.id] = clip
    if not clips:
        some = f"{missing[0]}.mp4 or {annotations[0].video}.mp4" if missing else "an annotation"
        raise UsageError(
            f"none of the {len(annotations)} annotated videos is below {source}: expected {some} "
            "there or in a folder of it"
        )
    found = catalog_of(clips.values(), root)
    chosen = splits_by_part(found)
    remarks = [*remarks_on_missing(missing)]
    if num_repeated:
        remarks.append(
            f"{num_repeated} annotations name a clip that an earlier one names: left out"
        )
    unnamed = len({path for path in files.values()} - {clip.path for clip in found})
    if unnamed:
        remarks.append(f"{unnamed} videos on the disk are in no annotation: left out")
    return found, Splits(chosen.splits, (*remarks, *chosen.remarks))


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """The first path of every name without its ending."""
    found: dict[str, Path] = {}
    for path in sorted(paths):
        found.setdefault(path.stem, path)
    return found


def _clip(
    annotation: Annotation, stem: str, root: Path, files: dict[str, Path]
) -> SourceClip | None:
    """The clip as a file of its own, else as a span of the whole video, else None."""
    path = files.get(stem) or files.get(annotation.video)
    if path is None:
        return None
    span = None if path.stem == stem else annotation.span
    status = path.stat()
    file_id = identifier(path.relative_to(root).as_posix())
    return SourceClip(
        id=f"{file_id}#{span}" if span else file_id,
        path=path,
        class_name=annotation.class_name,
        group=identifier(annotation.video),
        part=annotation.part,
        num_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        span=span,
        is_listed=True,
    )
