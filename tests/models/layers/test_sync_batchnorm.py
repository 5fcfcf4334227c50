"""Batch statistics are torch's on one process, and stand a batch of no clip."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from avme.models.layers.sync_batchnorm import GlobalBatchNorm, freeze_statistics

# Rank 0 has all clips, rank 1 none; DDP's mean over ranks is the sum over clips, halved.
UNEQUAL = """
import sys
import torch
from torch.nn.parallel import DistributedDataParallel
from avme.models.layers.sync_batchnorm import GlobalBatchNorm, freeze_statistics
from avme.train.distributed.process_group import init_distributed
with init_distributed(torch.device("cpu")) as processes:
    norm = GlobalBatchNorm(4)
    if sys.argv[2] == "frozen":
        freeze_statistics(norm)
    wrapped = DistributedDataParallel(norm, broadcast_buffers=False)
    maps = torch.load(sys.argv[1] + "/maps.pt")
    wrapped(maps if processes.is_rank0 else maps[:0]).square().sum().backward()
    if not processes.is_rank0:
        torch.save([norm.weight.grad * 2, norm.running_var], sys.argv[1] + "/found.pt")
"""


# Two clips on each rank, of different lengths; those of rank 1 may have no padding.
PADDED = """
import sys
import torch
from torch.nn.parallel import DistributedDataParallel
from avme.models.layers.sync_batchnorm import GlobalBatchNorm
from avme.train.distributed.process_group import init_distributed
with init_distributed(torch.device("cpu")) as processes:
    norm = GlobalBatchNorm(4)
    wrapped = DistributedDataParallel(norm, broadcast_buffers=False)
    maps, valid = (part.chunk(2)[processes.rank] for part in torch.load(sys.argv[1] + "/in.pt"))
    made = wrapped(maps, None if valid.all() else valid)
    (made.square() * valid[:, None, None]).sum().backward()
    if processes.is_rank0:
        torch.save([norm.weight.grad * 2, norm.running_mean, norm.running_var],
                   sys.argv[1] + "/found.pt")
"""


def test_training_equals_torchs_batch_norm() -> None:
    ours, theirs = GlobalBatchNorm(4), nn.BatchNorm2d(4)
    maps = torch.randn(3, 4, 5, 6) * 3 + 1

    torch.testing.assert_close(ours(maps), theirs(maps))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(maps), theirs.eval()(maps))


def test_batch_norm_over_ranks_equals_one_process() -> None:
    direct, over_ranks = GlobalBatchNorm(4), GlobalBatchNorm(4)
    maps = torch.randn(3, 4, 5, 6) * 3 + 1

    expected = direct(maps)

    torch.testing.assert_close(over_ranks._over_ranks(maps, alone=True), expected)
    torch.testing.assert_close(over_ranks.running_mean, direct.running_mean)
    torch.testing.assert_close(over_ranks.running_var, direct.running_var)


def test_vectors_without_places_are_normalized_as_torch_does() -> None:
    ours, over_ranks, theirs = GlobalBatchNorm(4), GlobalBatchNorm(4), nn.BatchNorm1d(4)
    vectors = torch.randn(6, 4) * 3 + 1

    expected = theirs(vectors)

    torch.testing.assert_close(ours(vectors), expected)
    torch.testing.assert_close(over_ranks._over_ranks(vectors, alone=True), expected)


def test_batch_norm_without_clips_keeps_statistics_and_gives_gradients() -> None:
    norm = GlobalBatchNorm(4)
    before = {name: value.clone() for name, value in norm.state_dict().items()}

    out = norm(torch.empty(0, 4, 5, 6))
    out.sum().backward()

    assert out.shape == (0, 4, 5, 6)
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())
    assert norm.weight.grad is not None
    assert norm.bias.grad is not None


@pytest.mark.parametrize("statistics", ["synchronized", "frozen"])
@pytest.mark.slow
def test_batch_norm_on_rank_without_audible_clip_takes_part(
    statistics: str, run_ranks: Callable[..., None], tmp_path: Path
) -> None:
    maps, norm = torch.randn(3, 4, 5, 6) * 3 + 1, GlobalBatchNorm(4)
    torch.save(maps, tmp_path / "maps.pt")
    if statistics == "frozen":
        freeze_statistics(norm)
    torch.autograd.backward(norm(maps).square().sum())

    run_ranks(2, UNEQUAL, str(tmp_path), statistics)

    weight_grad, running_var = torch.load(tmp_path / "found.pt")
    torch.testing.assert_close(weight_grad, norm.weight.grad, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(running_var, norm.running_var)


def test_frozen_statistics_stay_and_are_used_in_training() -> None:
    norm = GlobalBatchNorm(4)
    norm.running_mean += 2.0
    freeze_statistics(nn.Sequential(norm))
    maps = torch.randn(3, 4, 5, 6)

    out = norm.train()(maps)

    torch.testing.assert_close(out, norm.eval()(maps))
    assert torch.equal(norm.running_mean, torch.full((4,), 2.0))
    assert norm.train()(maps[:0]).shape == (0, 4, 5, 6)


def make_padded(whole: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    maps = torch.randn(4, 4, 3, 6, generator=torch.Generator().manual_seed(0)) * 3 + 1
    lengths = torch.tensor([6, 2, 6, 6] if whole else [6, 2, 1, 5])
    return maps, torch.arange(6) < lengths[:, None]


def places_of(maps: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """The valid places of all clips and heights, one below the other."""
    return maps.permute(0, 3, 2, 1)[valid].flatten(0, 1)


def test_statistics_are_torchs_of_the_valid_places_alone() -> None:
    ours, theirs = GlobalBatchNorm(4), nn.BatchNorm1d(4)
    maps, valid = make_padded()

    found = ours(maps, valid)
    expected = theirs(places_of(maps, valid))

    torch.testing.assert_close(places_of(found, valid), expected)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.autograd.backward(places_of(found, valid).pow(3).sum())
    torch.autograd.backward(expected.pow(3).sum())
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.slow
def test_valid_places_are_counted_over_all_ranks(
    whole: bool, run_ranks: Callable[..., None], tmp_path: Path
) -> None:
    maps, valid = make_padded(whole)
    torch.save([maps, valid], tmp_path / "in.pt")
    expected = nn.BatchNorm1d(4)

    run_ranks(2, PADDED, str(tmp_path))
    torch.autograd.backward(expected(places_of(maps, valid)).square().sum())

    weight_grad, mean, variance = torch.load(tmp_path / "found.pt")
    torch.testing.assert_close(weight_grad, expected.weight.grad, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(mean, expected.running_mean)
    torch.testing.assert_close(variance, expected.running_var)
