"""Clips in columns are the clips that went in, in the order of their ids."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avme.errors import UsageError
from avme.media.span import Span
from avme.sources.clip_lookup import ClipLookup
from avme.sources.clip_table import (
    ClipTableBuilder,
    Selection,
    SourceClip,
    Subset,
    build_clip_table,
)

_NAMES = st.text("ab-/#é\u4e00", min_size=1, max_size=6)
_PARTS: st.SearchStrategy[Subset | None] = st.sampled_from([None, "train", "val", "test"])
_SPANS = st.sampled_from([None, Span(0.0), Span(1.5, 2.25), Span(3.0, 4.0)])


@st.composite
def clips(draw: st.DrawFn) -> list[SourceClip]:
    ids = draw(st.lists(_NAMES, min_size=1, max_size=20, unique=True))
    return [made(i, draw(_NAMES), draw(_NAMES), draw(_PARTS), draw(_SPANS)) for i in ids]


def made(
    clip_id: str,
    class_name: str = "A",
    group: str = "g01",
    part: Subset | None = None,
    span: Span | None = None,
) -> SourceClip:
    return SourceClip(
        id=clip_id,
        path=Path("/videos") / clip_id.removesuffix(f"#{span}"),
        class_name=class_name,
        group=group,
        subset=part,
        num_bytes=len(clip_id),
        mtime_ns=1_700_000_000_123_456_789,
        span=span,
        is_listed=True,
    )


@settings(max_examples=200, deadline=None)
@given(given=clips(), root=st.sampled_from([Path("/videos"), Path("/elsewhere")]))
@pytest.mark.slow
def test_clip_table_returns_every_clip(given: list[SourceClip], root: Path) -> None:
    catalog = build_clip_table(given, root)

    assert list(catalog) == sorted(given, key=lambda clip: clip.id)
    assert catalog.class_names == tuple(sorted({clip.class_name for clip in given}))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(given=clips(), guess=st.integers(0, 25))
def test_find_returns_a_clip_for_any_guess(given: list[SourceClip], guess: int) -> None:
    catalog = build_clip_table(given)

    for clip in given:
        index = catalog.find(clip.id, guess)
        assert index is not None
        assert catalog.ids[index] == clip.id
    assert catalog.find("none of them", guess) is None


@pytest.mark.slow
def test_build_clip_table_of_many_clips_sorts_them() -> None:
    ids = [f"{number:05d}" for number in range(9000)]
    mixed = random.Random(0).sample(ids, len(ids))

    assert list(build_clip_table(map(made, mixed)).ids) == ids


def test_build_clip_table_with_repeated_id_is_refused() -> None:
    with pytest.raises(UsageError, match="two files have the id b"):
        build_clip_table(map(made, "bab"))


def test_build_with_first_only_keeps_the_first_of_an_id() -> None:
    filling = ClipTableBuilder(Path())
    for number, clip_id in enumerate("bacab"):
        filling.add(made(clip_id, class_name=f"{clip_id}{number}"))

    kept = filling.build(first_only=True)

    assert [clip.class_name for clip in kept] == ["a1", "b0", "c2"]
    assert kept.class_names == ("a1", "b0", "c2")


def test_num_bytes_of_segmented_file_counts_once() -> None:
    cuts = [made(f"abc#{span}", span=span) for span in (Span(0.0, 1.0), Span(1.0, 2.0))]
    catalog = build_clip_table([*cuts, made("d")], Path("/videos"))

    some = Selection(catalog, catalog.indices_of("train"))

    assert Selection(catalog, catalog.labels.astype("int64").cumsum()).num_bytes() == 7
    assert some.num_bytes() == 0


def test_clip_lookup_of_repeated_key_finds_the_last() -> None:
    catalog = build_clip_table(map(made, ("a/x.avi", "a/x.mp4", "a/y.avi")))

    keys = ClipLookup(len(catalog), lambda index: catalog.ids[index].split(".")[0])

    assert keys.find("a/x") == 1
    assert list(keys.all("a/x")) == [1, 0]
    assert keys.find("a/z") is None
    assert len(keys) == 2
