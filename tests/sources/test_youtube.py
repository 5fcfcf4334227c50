"""Annotations of YouTube videos and a folder of downloads."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.media.span import Span
from avme.sources.clip_table import Subset
from avme.sources.csv_reader import Row
from avme.sources.splits import SourceResult
from avme.sources.youtube import Annotation, annotation_of, find_annotated


def annotate(video: str, subset: Subset = "train", start: float = 1.0) -> Annotation:
    return Annotation(video, Span(start, start + 10.0), "dog", subset)


def find(folder: Path, annotations: Sequence[Annotation]) -> SourceResult:
    def trimmed(annotation: Annotation) -> str:
        return f"{annotation.video}_{annotation.span.start_seconds:g}"

    return find_annotated(folder, annotations, trimmed)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_annotation_of_row_has_its_span_class_and_subset() -> None:
    values = {"youtube_id": "a-b", "label": "play\n", "split": "Validate"}

    found = annotation_of(Row(Path("a.csv"), 2, values), Span(1.0, 2.0))

    assert (found.video, found.span, found.subset) == ("a-b", Span(1.0, 2.0), "val")
    assert found.class_name.isprintable()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"youtube_id": ""}, r"^a\.csv:2: youtube_id is empty"),
        ({"label": ""}, r"^a\.csv:2: label is empty"),
        ({"split": "dev"}, r"^a\.csv:2: found split 'dev'"),
    ],
)
def test_annotation_of_invalid_row_names_its_line(changes: dict[str, str], line: str) -> None:
    values = {"youtube_id": "a", "label": "dog", "split": "train"} | changes

    with pytest.raises(UsageError, match=line):
        annotation_of(Row(Path("a.csv"), 2, values), Span(1.0, 2.0))


def test_find_annotated_prefers_trimmed_file_and_cuts_full_video(tmp_path: Path) -> None:
    touch(tmp_path, "a_1.mp4", "a.mkv", "sub/b.webm", "c_1.avi")

    found = find(tmp_path, [annotate("a"), annotate("b", start=2.0), annotate("c", "test")])

    assert [(clip.id, clip.span, clip.group) for clip in found.clips] == [
        ("a_1.mp4", None, "a"),
        ("c_1.avi", None, "c"),
        ("sub/b.webm#2-12", Span(2.0, 12.0), "b"),
    ]
    (split,) = found.splits
    assert (list(split.train), list(split.test)) == (["a_1.mp4", "sub/b.webm#2-12"], ["c_1.avi"])


def test_find_annotated_counts_missing_repeated_and_unnamed(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "other.mp4")

    found = find(
        tmp_path, [annotate("a"), annotate("gone"), annotate("a", "test"), annotate("b", "test")]
    )

    assert found.warnings == (
        "1 listed videos are not on the disk and are left out: gone_1",
        "1 annotations name a clip that an earlier one names: left out",
        "1 videos on the disk are in no annotation: left out",
    )


def test_find_annotated_with_several_spans_of_a_video_keeps_them_apart(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")

    found = find(tmp_path, [annotate("a"), annotate("a", start=30.0), annotate("b", "test")])

    assert [clip.id for clip in found.clips] == ["a.mp4#1-11", "a.mp4#30-40", "b.mp4#1-11"]
    assert {clip.group for clip in found.clips} == {"a", "b"}


def test_find_annotated_without_any_video_names_what_it_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none of the 1 annotated videos .* a_1\.mp4 or a\.mp4"):
        find(tmp_path, [annotate("a")])
    with pytest.raises(UsageError, match="is not a folder"):
        find(tmp_path / "gone", [annotate("a")])
