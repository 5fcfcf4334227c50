"""The order of clips depends on seed and epoch alone: not on ranks, not on restarts."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avme.data.sampler import DistributedBatchSampler, SampleOrder, derive_seed, micro_batch_sizes
from avme.errors import ConfigError


def test_sample_order_of_an_epoch_draws_every_clip_once() -> None:
    order = SampleOrder(num_clips=12, batch=4, seed=5)
    drawn = [draw.clip for step in range(3) for draw in order.global_batch(step)]

    assert sorted(drawn) == list(range(12))
    assert drawn != sorted(drawn)


def test_epochs_differ_in_order_and_in_seeds() -> None:
    order = SampleOrder(num_clips=8, batch=8, seed=5)
    first, second = order.global_batch(0), order.global_batch(1)

    assert [d.clip for d in first] != [d.clip for d in second]
    assert len({d.seed for d in first + second}) == 16


def test_sample_order_of_list_shorter_than_a_batch_fills_it() -> None:
    order = SampleOrder(num_clips=3, batch=8, seed=0)

    assert order.steps_per_epoch == 1
    assert Counter(d.clip for d in order.global_batch(0)).most_common(1)[0][1] == 3
    assert len({d.seed for d in order.global_batch(0)}) == 8


def test_repeats_draw_every_clip_that_often_with_new_seeds() -> None:
    order = SampleOrder(num_clips=6, batch=4, seed=0, repeat=2)
    draws = [draw for step in range(order.steps_per_epoch) for draw in order.global_batch(step)]

    assert set(Counter(d.clip for d in draws).values()) == {2}
    assert len({d.seed for d in draws}) == 12


@pytest.mark.slow
@given(st.sampled_from([1, 2, 4]), st.sampled_from([None, 1, 3]), st.integers(0, 5))
def test_ranks_share_each_global_batch_and_a_restart_goes_on(
    world: int, micro: int | None, first: int
) -> None:
    order = SampleOrder(num_clips=20, batch=8, seed=1)
    ranks = [
        DistributedBatchSampler(
            order, first_step=first, last_step=7, rank=r, world=world, micro_batch_size=micro
        )
        for r in range(world)
    ]
    per_rank = [list(batches) for batches in ranks]

    assert all(len(got) == len(batches) for got, batches in zip(per_rank, ranks, strict=True))
    for index, step in enumerate(range(first, 7)):
        count = ranks[0].micro_batches
        joined = [
            draw
            for got in per_rank
            for part in got[index * count : (index + 1) * count]
            for draw in part
        ]
        assert joined == order.global_batch(step)


def test_batch_sampler_with_indivisible_batch_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"train\.batch_size 8 is not divisible by 3"):
        DistributedBatchSampler(
            SampleOrder(num_clips=9, batch=8, seed=0), first_step=0, last_step=1, world=3
        )


def test_seeds_depend_on_every_part_and_fit_a_generator() -> None:
    assert derive_seed(1, 2, 3) != derive_seed(1, 3, 2)
    assert derive_seed(1, 23) != derive_seed(12, 3)
    assert all(0 <= derive_seed(0, n) < 2**63 for n in range(100))


@given(st.integers(1, 300), st.integers(1, 320))
def test_micro_batches_are_as_few_and_as_equal_as_they_can_be(share: int, most: int) -> None:
    sizes = micro_batch_sizes(share, most)

    assert sum(sizes) == share
    assert len(sizes) == math.ceil(share / most)
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= (1 if any(size % 2 for size in sizes[:-1]) else 3)


@given(st.integers(2, 300), st.integers(2, 320))
def test_micro_batch_sizes_avoid_one_clip_except_for_pairs_of_odd_share(
    share: int, most: int
) -> None:
    assert (1 in micro_batch_sizes(share, most)) == (most == 2 and share % 2 == 1)


@given(st.integers(1, 150), st.integers(1, 160))
def test_micro_batch_sizes_when_even_split_no_mixed_pair(share: int, half: int) -> None:
    assert all(size % 2 == 0 for size in micro_batch_sizes(share, 2 * half)[:-1])
