"""Derived splits keep groups whole."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avme.config.presets.recipe import UCF101
from avme.errors import UsageError
from avme.io.hashing import list_sha256
from avme.sources.clip_table import SourceClip, Subset, build_clip_table
from avme.sources.folder import ucf101_group
from avme.sources.split_strategies import (
    hold_out,
    random_splits,
    splits_by_group_number,
    splits_by_subset,
    warn_of_unheld_classes,
)


def clip(class_name: str, group: str, number: int = 1, part: Subset | None = None) -> SourceClip:
    clip_id = f"{class_name}/v_{class_name}_{group}_c{number:02d}.avi"
    return SourceClip(clip_id, Path(clip_id), class_name, f"{class_name}/{group}", part, 1, 1)


def official(shared: Path, split: int) -> list[SourceClip]:
    """The train list of one of UCF-101's official splits."""
    path = shared / "data" / "ucfTrainTestlist" / f"trainlist{split:02d}.txt"
    names = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
    return [
        SourceClip(name, Path(name), name.split("/")[0], ucf101_group(name) or "", None, 1, 1)
        for name in names
    ]


def ucf(classes: int = 3, groups: int = 25, clips: int = 2) -> list[SourceClip]:
    return [
        clip(f"Class{c}", f"g{g:02d}", n)
        for c in range(classes)
        for g in range(1, groups + 1)
        for n in range(1, clips + 1)
    ]


def test_group_numbers_give_ucf101s_three_splits() -> None:
    clips = ucf()

    splits = splits_by_group_number(build_clip_table(clips), [])

    assert [split.name for split in splits] == ["1", "2", "3"]
    for split in splits:
        assert len(split.test) == 3 * 7 * 2
        assert len(split.train) == 3 * 18 * 2
        assert sorted((*split.train, *split.test)) == sorted(c.id for c in clips)
    assert not set(splits[0].test) & set(splits[1].test)
    assert "Class0/v_Class0_g08_c01.avi" in splits[1].test


def test_splits_with_empty_subset_are_left_out() -> None:
    splits = splits_by_group_number(build_clip_table(ucf(groups=10)), [])

    assert [split.name for split in splits] == ["1", "2"]


def test_hold_out_of_one_group_is_refused() -> None:
    with pytest.raises(UsageError, match="--splits"):
        splits_by_group_number(build_clip_table(ucf(groups=1)), [])


def test_splits_by_subset_follow_the_folders_without_val() -> None:
    clips = [clip("A", "g01", part="train"), clip("A", "g02", part="test")]
    clips += [clip("A", "g03", part="val")]
    warnings: list[str] = []

    (split,) = splits_by_subset(build_clip_table(clips), warnings)

    assert tuple(split.test) == ("A/v_A_g02_c01.avi",)
    assert tuple(split.train) == ("A/v_A_g01_c01.avi",)
    assert warnings == ["split 1: 1 val clips neither train nor test"]


def test_splits_by_subset_with_group_in_both_subsets_warns() -> None:
    sides: list[tuple[str, int, Subset]] = [("A", 1, "train"), ("A", 2, "test"), ("B", 1, "test")]
    clips = [clip(name, "g01", number, part) for name, number, part in sides]
    warnings: list[str] = []

    splits_by_subset(build_clip_table(clips), warnings)

    (warning,) = warnings
    assert "A/g01" in warning
    assert "B/g01" not in warning


@st.composite
def sets_of_clips(draw: st.DrawFn) -> list[SourceClip]:
    pairs = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), max_size=60))
    return [clip(f"C{c}", f"g{g:02d}", n) for n, (c, g) in enumerate(pairs)]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(clips=sets_of_clips(), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 5))
def test_held_out_groups_never_cross_and_every_class_keeps_a_clip(
    clips: list[SourceClip], fraction: float, seed: int
) -> None:
    kept, held = hold_out(clips, fraction, seed)

    assert sorted(c.id for c in kept + held) == sorted(c.id for c in clips)
    assert not {c.group for c in kept} & {c.group for c in held}
    assert {c.class_name for c in kept} == {c.class_name for c in clips}


def test_holding_out_depends_on_the_seed_and_not_on_the_order() -> None:
    clips = ucf()

    first = hold_out(clips, 0.2, seed=1)

    assert hold_out(clips[::-1], 0.2, seed=1) == first
    assert hold_out(clips, 0.2, seed=2) != first


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_hold_out_takes_about_the_same_share_of_every_class(fraction: float) -> None:
    clips = ucf(classes=4, groups=20)

    _, held = hold_out(clips, fraction, seed=0)

    for count in Counter(c.class_name for c in held).values():
        assert abs(count - fraction * 40) <= 2


@settings(max_examples=100, deadline=None)
@given(clips=sets_of_clips(), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 5))
def test_random_splits_test_what_hold_out_would_take(
    clips: list[SourceClip], fraction: float, seed: int
) -> None:
    kept, held = hold_out(clips, fraction, seed)
    if not held:
        return

    (split,) = random_splits(build_clip_table(clips), fraction, seed, [])

    assert list(split.train) == [c.id for c in kept]
    assert list(split.test) == [c.id for c in held]


def test_random_splits_are_logged() -> None:
    warnings: list[str] = []

    random_splits(build_clip_table(ucf()), 0.25, 3, warnings)

    assert "seed 3" in warnings[0]
    assert "whole groups" in warnings[0]


def test_single_clips_per_class_cannot_be_split() -> None:
    with pytest.raises(UsageError, match="last train clip"):
        random_splits(build_clip_table([clip("A", "g01"), clip("B", "g02")]), 0.25, 0, [])


def test_random_splits_with_too_small_fraction_names_a_larger_one() -> None:
    clips = build_clip_table(clip(name, group) for name in "AB" for group in ("g01", "g02"))

    with pytest.raises(UsageError, match=r"--set test_fraction=0\.5"):
        random_splits(clips, 0.25, 0, [])

    assert len(random_splits(clips, 0.5, 0, [])[0].test) == 2


def test_list_sha256_depends_on_the_order() -> None:
    assert list_sha256(["a", "b"]) != list_sha256(["b", "a"])
    assert list_sha256(["a", "b"]) != list_sha256(["ab"])


@pytest.mark.parametrize("split", [1, 2, 3])
@pytest.mark.slow
def test_hold_out_of_ucf101_is_a_tenth_of_the_list_and_of_every_class(
    shared: Path, split: int
) -> None:
    clips = official(shared, split)

    kept, held = hold_out(clips, 0.1, seed=0)

    assert len(clips) == {1: 9537, 2: 9586, 3: 9624}[split]
    assert len(held) / len(clips) == pytest.approx(0.1, abs=0.001)
    listed, given = (Counter(c.class_name for c in some) for some in (clips, held))
    shares = [given[name] / listed[name] for name in listed]
    assert len(shares) == 101
    assert 0.07 < min(shares) <= max(shares) < 0.13
    assert not {c.group for c in kept} & {c.group for c in held}
    assert warn_of_unheld_classes(kept, held, 0.1) == ()
    if split == 1:
        assert len(held) == UCF101.held_out


def test_hold_out_with_class_without_small_group_names_it() -> None:
    clips = [*ucf(classes=1), *(clip("Pair", group, n) for group in ("g01", "g02") for n in (1, 2))]
    clips += [clip("Pair", "g03", n) for n in range(1, 5)]

    kept, held = hold_out(clips, 0.1, seed=0)

    assert {c.class_name for c in held} == {"Class0"}
    (warning,) = warn_of_unheld_classes(kept, held, 0.1)
    assert warning == (
        "warning: no clip of 1 class is held out, as each of their groups is more than 20% of "
        "its class: Pair"
    )


@pytest.mark.parametrize("fraction", [0.5, 0.99])
def test_hold_out_with_class_of_one_group_is_named_at_large_fractions(fraction: float) -> None:
    clips = [*ucf(classes=1), *(clip("Alone", "g01", n) for n in range(1, 5))]

    kept, held = hold_out(clips, fraction, seed=0)

    (warning,) = warn_of_unheld_classes(kept, held, fraction)
    assert warning == (
        "warning: no clip of 1 class is held out, as each of their groups is all of its class: "
        "Alone"
    )
