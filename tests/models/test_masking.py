"""Masks partition the tokens, and tubes hide the same places in every time slot."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avme.errors import ConfigError
from avme.models.masking import Grid, TubeMask

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

    indices = (hide % 16).reshape(5, 3, 12)
    assert (indices == indices[:, :1]).all()


def test_kept_tokens_are_sorted_by_slot_and_equally_many_in_each() -> None:
    keep = TubeMask(GRID, ratio=0.75)(torch.arange(5)).keep

    slots = keep // 16
    assert torch.equal(slots, torch.arange(3).repeat_interleave(4).expand(5, 12))


def test_tube_mask_depends_on_its_own_seed_only() -> None:
    mask = TubeMask(GRID, ratio=0.5)

    together = mask(torch.tensor([7, 8, 9])).hide
    alone = mask(torch.tensor([8])).hide

    assert torch.equal(together[1:2], alone)
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("ratio", [0.0, 1.0, 0.01])
def test_tube_mask_of_nothing_or_all_is_refused(ratio: float) -> None:
    with pytest.raises(ConfigError, match="places"):
        TubeMask(GRID, ratio)


@pytest.mark.parametrize(("ratio", "predicted"), [(0.5, 88), (0.75, 44), (0.25, 132), (0.0, 176)])
def test_tube_mask_predicts_equally_many_in_every_slot(ratio: float, predicted: int) -> None:
    choice = TubeMask(VIT_B, 0.9, ratio)(torch.arange(3))

    slots = torch.arange(8).repeat_interleave(predicted).expand(3, -1)
    assert torch.equal(choice.predict // 196, slots)
    for hide, predict in zip(choice.hide.tolist(), choice.predict.tolist(), strict=True):
        assert set(predict) <= set(hide)
        assert predict == sorted(set(predict))


def test_tube_mask_running_cell_alternates_from_slot_to_slot() -> None:
    choice = TubeMask(VIT_B, 0.9, 0.5)(torch.arange(8))

    starts = set()
    for hide, predict in zip(choice.hide, choice.predict, strict=True):
        corner = 2 * (torch.arange(196) // 14 % 2) + torch.arange(196) % 14 % 2
        first = []
        for slot in range(8):
            hidden = hide[hide // 196 == slot] % 196
            chosen = set((predict[predict // 196 == slot] % 196).tolist())
            # two neighbouring corners of the ring 0, 1, 2, 3 are wanted; others only fill up
            fitting = [
                start
                for start in range(4)
                if _is_half(hidden.tolist(), chosen, corner, {start, (start + 1) % 4})
            ]
            assert len(fitting) == 1
            first += fitting
        assert [(one - first[0]) % 4 for one in first] == [(-slot) % 4 for slot in range(8)]
        starts.add(first[0])
    assert len(starts) > 1


def _is_half(hidden: list[int], chosen: set[int], corner: torch.Tensor, half: set[int]) -> bool:
    wanted = {index for index in hidden if int(corner[index]) in half}
    return chosen <= wanted or wanted <= chosen


def test_tube_mask_predicted_part_depends_on_the_seed_and_keeps_the_mask() -> None:
    mask, all_of_it = TubeMask(VIT_B, 0.9, 0.5), TubeMask(VIT_B, 0.9)

    choice, again = mask(torch.tensor([7, 8])), mask(torch.tensor([8]))

    assert torch.equal(choice.predict[1:], again.predict)
    assert not torch.equal(choice.predict[0], choice.predict[1])
    assert torch.equal(choice.keep, all_of_it(torch.tensor([7, 8])).keep)
    assert torch.equal(choice.hide, all_of_it(torch.tensor([7, 8])).predict)


@pytest.mark.parametrize("ratio", [1.0, 0.99, -0.5])
def test_predicting_nothing_or_more_than_is_hidden_is_refused(ratio: float) -> None:
    with pytest.raises(ConfigError, match=r"mask\.decoder_ratio .* hidden places"):
        TubeMask(GRID, 0.75, ratio)
