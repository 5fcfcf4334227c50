"""About a fraction of every class is held out by whole groups, and of none more than twice that."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avme.sources.groups import choose_groups


def clips_of(sizes: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Group and label of every clip; `sizes` has a list for each class, groups are of one class."""
    label = [c for c, groups in enumerate(sizes) for size in groups for _ in range(size)]
    numbers = iter(range(sum(map(len, sizes))))
    group = [number for groups in sizes for size in groups for number in [next(numbers)] * size]
    return np.array(group, dtype=np.int64), np.array(label, dtype=np.int64)


def held_counts(sizes: list[list[int]], fraction: float) -> list[int]:
    group, label = clips_of(sizes)
    held = choose_groups(group, label, fraction)
    return [int(held[label == c].sum()) for c in range(len(sizes))]


def test_choose_groups_of_no_clips_holds_none_out() -> None:
    empty = np.zeros(0, dtype=np.int64)

    assert choose_groups(empty, empty, 0.5).tolist() == []


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_groups_of_one_clip_give_the_nearest_whole_number(fraction: float) -> None:
    for count in (7, 20, 33):
        assert held_counts([[1] * count], fraction) == [int(np.ceil(fraction * count - 0.5))]


def test_choose_groups_last_group_comes_nearest_to_the_share() -> None:
    # Of 100 clips 10 are due: after 7, the group of 3 fits and the one of 30 does not.
    assert held_counts([[7, 30, 3, 30, 30]], 0.1) == [10]


def test_choose_groups_never_takes_most_of_a_class() -> None:
    assert held_counts([[90, 10], [10, 90]], 0.1) == [10, 10]
    assert held_counts([[60, 40]], 0.1) == [0]  # both are more than 20 %
    assert held_counts([[50]], 0.9) == [0]  # nothing would be left


def test_choose_groups_takes_the_smallest_group_up_to_twice_the_share() -> None:
    assert held_counts([[6, 6]], 0.25) == [6]
    assert held_counts([[20, 20, 20, 19, 21]], 0.1) == [19]


def test_choose_groups_takes_a_group_of_several_classes_whole() -> None:
    group = np.array([0] * 20 + list(range(1, 81)), dtype=np.int64)
    label = np.array([0, 1] * 50, dtype=np.int64)

    held = choose_groups(group, label, 0.1)

    assert not held[:20].any()  # 20 % of both classes, and single clips come nearer
    assert [int(held[label == c].sum()) for c in (0, 1)] == [5, 5]


@st.composite
def groups_of_clips(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    pairs = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=80))
    group, label = np.array(pairs, dtype=np.int64).T
    return np.unique(group, return_inverse=True)[1], np.unique(label, return_inverse=True)[1]


@settings(max_examples=200, deadline=None)
@given(clips=groups_of_clips(), fraction=st.floats(0.01, 0.99))
@pytest.mark.slow
def test_groups_stay_whole_and_no_class_gives_twice_its_share_or_its_last_clip(
    clips: tuple[np.ndarray, np.ndarray], fraction: float
) -> None:
    group, label = clips

    held = choose_groups(group, label, fraction)

    assert all(len(set(held[group == number])) == 1 for number in set(group.tolist()))
    for number in set(label.tolist()):
        count, taken = int((label == number).sum()), int(held[label == number].sum())
        assert taken < count
        assert taken <= 2 * fraction * count + 1e-6


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=9), fraction=st.floats(0.05, 0.6))
def test_choose_groups_of_one_class_is_as_near_as_its_best_group(
    sizes: list[int], fraction: float
) -> None:
    due = fraction * sum(sizes)
    allowed = [s for s in sizes if s <= min(2 * due, sum(sizes) - 1)]

    (held,) = held_counts([sizes], fraction)

    best_of_one = min((abs(s - due) for s in allowed), default=due)
    best = min(
        abs(sum(some) - due) for n in range(len(sizes) + 1) for some in combinations(sizes, n)
    )
    assert best - 1e-9 <= abs(held - due) <= max(due, best_of_one) + 1e-9
