"""Dropping keeps the mean, and ranks drop what one process would."""

from unittest.mock import patch

import pytest
import torch

from avme.models.layers.dropout import Dropout, DropPath


@pytest.mark.parametrize("kind", [Dropout, DropPath])
def test_dropout_drops_its_share_and_keeps_the_mean(kind: type[Dropout]) -> None:
    torch.manual_seed(0)

    dropped = kind(0.25)(torch.ones(4000, 2))

    assert torch.unique(dropped).tolist() == pytest.approx([0.0, 1 / 0.75])
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.03)


def test_drop_path_drops_whole_clips_and_dropout_single_values() -> None:
    torch.manual_seed(0)
    ones = torch.ones(64, 16)

    whole, single = DropPath(0.5)(ones), Dropout(0.5)(ones)

    assert (whole == whole[:, :1]).all()
    assert not (single == single[:, :1]).all()


@pytest.mark.parametrize("kind", [Dropout, DropPath])
def test_evaluation_drops_nothing(kind: type[Dropout]) -> None:
    values = torch.randn(4, 3)

    assert kind(0.5).eval()(values) is values
    assert kind(0.0)(values) is values


@pytest.mark.parametrize("kind", [Dropout, DropPath])
def test_dropout_on_two_ranks_equals_one_process(kind: type[Dropout]) -> None:
    values = torch.ones(8, 5)
    torch.manual_seed(3)
    alone = kind(0.5)(values)

    halves = []
    for rank in range(2):
        torch.manual_seed(3)
        with (
            patch("torch.distributed.is_initialized", return_value=True),
            patch("torch.distributed.get_rank", return_value=rank),
            patch("torch.distributed.get_world_size", return_value=2),
        ):
            halves.append(kind(0.5)(values[4 * rank : 4 * rank + 4]))

    assert torch.equal(torch.cat(halves), alone)
