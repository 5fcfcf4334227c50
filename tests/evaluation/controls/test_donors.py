from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from avme.errors import UsageError
from avme.evaluation.controls.donors import derange, derange_within_classes, draw_donors
from avme.shards.dataset import ClipEntry

GROUPS = [f"g{index // 3}" for index in range(30)]
EVERYONE = np.ones(30, bool)


def entries_of(
    group: Sequence[str], ids: Sequence[str], has_audio: Sequence[bool] | np.ndarray
) -> list[ClipEntry]:
    return [
        ClipEntry(
            id=clip_id,
            class_name="a",
            label=0,
            group=name,
            num_frames=9,
            fps=Fraction(25),
            width=32,
            height=32,
            audio="audible" if audible else "none",
            shard="shard-00000.h5",
            row=0,
        )
        for name, clip_id, audible in zip(group, ids, has_audio, strict=True)
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (3, 2, 1), (5, 1, 1, 1, 2), (1,) * 7, (4, 4)])
def test_derange_permutes_the_audio_and_leaves_no_clip_in_its_group(
    seed: int, sizes: tuple[int, ...]
) -> None:
    group = [f"g{index}" for index, size in enumerate(sizes) for _ in range(size)]

    owner = derange(group, np.ones(len(group), bool), seed)

    assert sorted(owner.tolist()) == list(range(len(group)))
    assert all(group[own] != group[clip] for clip, own in enumerate(owner))


def test_derange_of_some_clips_leaves_the_others_their_own() -> None:
    among = np.arange(30) % 2 == 0

    owner = derange(GROUPS, among, seed=0)

    assert owner[~among].tolist() == np.flatnonzero(~among).tolist()
    assert sorted(owner[among].tolist()) == np.flatnonzero(among).tolist()
    assert (owner[among] != np.flatnonzero(among)).all()


def test_derange_is_determined_by_its_seed() -> None:
    first, again, other = (derange(GROUPS, EVERYONE, seed) for seed in (0, 0, 1))

    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@pytest.mark.slow
def test_derange_gives_every_allowed_owner_about_as_often() -> None:
    group = ["a", "a", "b", "c", "d"]
    counts = np.zeros((5, 5))
    for seed in range(1500):
        counts[np.arange(5), derange(group, np.ones(5, bool), seed)] += 1

    # all permutations of five clips that keep the condition, counted one by one
    allowed = [
        p for p in permutations(range(5)) if all(group[o] != group[i] for i, o in enumerate(p))
    ]
    expected = np.zeros((5, 5))
    for each in allowed:
        expected[np.arange(5), each] += 1 / len(allowed)
    np.testing.assert_allclose(counts / 1500, expected, atol=0.05)


@pytest.mark.parametrize(
    ("group", "part"),
    [(["a"] * 4, "one group has 4 of the 4 clips"), (["a", "a", "a", "b"], "has 3 of the 4 clips")],
)
def test_derange_without_a_solution_is_refused(group: list[str], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        derange(group, np.ones(4, bool), seed=0)


def test_derange_without_audio_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no clip of the list has audio \(got 0\)"):
        derange(GROUPS, ~EVERYONE, seed=0)


def test_derange_within_classes_keeps_class_and_leaves_the_group() -> None:
    label = [index % 3 for index in range(30)]

    owner = derange_within_classes(GROUPS, label, EVERYONE, seed=0)

    assert sorted(owner.tolist()) == list(range(30))
    assert [label[own] for own in owner] == label
    assert all(GROUPS[own] != GROUPS[clip] for clip, own in enumerate(owner))


def test_derange_within_classes_of_a_single_group_keeps_the_audio() -> None:
    group, label = ["a", "a", "b", "c", "d"], [0, 0, 1, 1, 2]

    owner = derange_within_classes(group, label, np.ones(5, bool), seed=0)

    assert owner.tolist() == [0, 1, 3, 2, 4]


def test_derange_within_classes_of_a_large_group_draws_from_the_others() -> None:
    group, label = ["a", "a", "a", "b"], [0, 0, 0, 0]

    owner = derange_within_classes(group, label, np.ones(4, bool), seed=0)

    assert owner[:3].tolist() == [3, 3, 3]
    assert owner[3] in (0, 1, 2)


def test_draw_donors_gives_silent_clips_audio_of_another_group() -> None:
    has_audio = np.arange(30) % 3 == 0
    ids = [f"clip{index}" for index in range(30)]

    owner = draw_donors(entries_of(GROUPS, ids, has_audio), seed=0)

    assert owner[has_audio].tolist() == np.flatnonzero(has_audio).tolist()
    assert has_audio[owner].all()
    silent = np.flatnonzero(~has_audio)
    assert all(GROUPS[owner[clip]] != GROUPS[clip] for clip in silent)
    assert len(set(owner[silent].tolist())) > 5


def test_draw_donors_depends_on_the_clip_and_not_on_its_place() -> None:
    has_audio = np.arange(30) % 3 == 0
    ids = [f"clip{index}" for index in range(30)]
    back = slice(None, None, -1)

    owner = draw_donors(entries_of(GROUPS, ids, has_audio), seed=0)
    reversed_owner = draw_donors(entries_of(GROUPS[back], ids[back], has_audio[back]), seed=0)

    donors = {ids[clip]: ids[own] for clip, own in enumerate(owner)}
    again = {ids[back][clip]: ids[back][own] for clip, own in enumerate(reversed_owner)}
    assert donors == again


def test_draw_donors_draws_every_donor_about_as_often() -> None:
    group = ["x"] + [f"g{index}" for index in range(4)] + ["x"]
    has_audio = np.array([False, True, True, True, True, True])

    clips = entries_of(group, ["silent", *"abcde"], has_audio)

    drawn = [int(draw_donors(clips, seed)[0]) for seed in range(800)]

    np.testing.assert_allclose(
        np.bincount(drawn, minlength=6) / 800, [0, *[0.25] * 4, 0], atol=0.06
    )


@pytest.mark.parametrize(
    ("group", "has_audio", "part"),
    [
        (["a", "b"], [False, False], r"donor: no clip of the list has audio \(got 0 of 2\)"),
        (["a", "a"], [True, False], "donor: all clips with audio are of the group of two"),
    ],
)
def test_draw_donors_without_a_donor_is_refused(
    group: list[str], has_audio: list[bool], part: str
) -> None:
    with pytest.raises(UsageError, match=part):
        draw_donors(entries_of(group, ["one", "two"], has_audio), seed=0)
