"""Masks partition the tokens, and tubes hide the same places in every time slot."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from avme.errors import ConfigError
from avme.models.masking import Grid, TubeMask, take

GRID = Grid(3, 4, 4)
VIT_B = Grid(8, 14, 14)


@pytest.mark.parametrize(("ratio", "seen"), [(0.75, 392), (0.9, 160), (0.95, 80)])
def test_seen_tokens_are_videomaes(ratio: float, seen: int) -> None:
    choice = TubeMask(VIT_B, ratio)(torch.tensor([1, 2]))

    assert choice.keep.shape == (2, seen)
    assert choice.hide.shape == (2, 1568 - seen)


@given(st.floats(0.1, 0.9), st.integers(0, 2**62))
def test_keep_and_hide_partition_the_tokens(ratio: float, seed: int) -> None:
    choice = TubeMask(GRID, ratio)(torch.tensor([seed, seed + 1]))

    both = torch.cat([choice.keep, choice.hide], dim=1).sort(dim=1).values
    assert torch.equal(both, torch.arange(48).expand(2, 48))


def test_hidden_places_repeat_in_every_time_slot() -> None:
    hide = TubeMask(GRID, ratio=0.75)(torch.arange(5)).hide

    places = (hide % 16).reshape(5, 3, 12)
    assert (places == places[:, :1]).all()


def test_kept_tokens_are_sorted_by_slot_and_equally_many_in_each() -> None:
    keep = TubeMask(GRID, ratio=0.75)(torch.arange(5)).keep

    slots = keep // 16
    assert torch.equal(slots, torch.arange(3).repeat_interleave(4).expand(5, 12))


def test_a_mask_depends_on_its_own_seed_only() -> None:
    mask = TubeMask(GRID, ratio=0.5)

    together = mask(torch.tensor([7, 8, 9])).hide
    alone = mask(torch.tensor([8])).hide

    assert torch.equal(together[1:2], alone)
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("ratio", [0.0, 1.0, 0.01])
def test_a_ratio_that_hides_nothing_or_all_is_refused(ratio: float) -> None:
    with pytest.raises(ConfigError, match="places"):
        TubeMask(GRID, ratio)


def test_take_refuses_a_wrong_shape() -> None:
    with pytest.raises(TypeCheckError):
        take(torch.zeros(2, 3), torch.zeros(2, 1, dtype=torch.int64))
