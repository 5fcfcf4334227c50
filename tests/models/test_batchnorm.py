"""Batch statistics are torch's on one process, and stand a batch of no clip."""

import torch
from torch import nn

from avme.models.batchnorm import GlobalBatchNorm


def test_training_equals_torchs_batch_norm() -> None:
    ours, theirs = GlobalBatchNorm(4), nn.BatchNorm2d(4)
    maps = torch.randn(3, 4, 5, 6) * 3 + 1

    torch.testing.assert_close(ours(maps), theirs(maps))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(maps), theirs.eval()(maps))


def test_the_path_over_ranks_equals_the_path_of_one_process() -> None:
    direct, over_ranks = GlobalBatchNorm(4), GlobalBatchNorm(4)
    maps = torch.randn(3, 4, 5, 6) * 3 + 1

    expected = direct(maps)

    torch.testing.assert_close(over_ranks._over_ranks(maps, alone=True), expected)
    torch.testing.assert_close(over_ranks.running_mean, direct.running_mean)
    torch.testing.assert_close(over_ranks.running_var, direct.running_var)


def test_vectors_without_places_are_normalised_as_torch_does() -> None:
    ours, over_ranks, theirs = GlobalBatchNorm(4), GlobalBatchNorm(4), nn.BatchNorm1d(4)
    vectors = torch.randn(6, 4) * 3 + 1

    expected = theirs(vectors)

    torch.testing.assert_close(ours(vectors), expected)
    torch.testing.assert_close(over_ranks._over_ranks(vectors, alone=True), expected)


def test_no_clip_leaves_the_statistics_alone_and_gives_every_parameter_a_gradient() -> None:
    norm = GlobalBatchNorm(4)
    before = {name: value.clone() for name, value in norm.state_dict().items()}

    out = norm(torch.empty(0, 4, 5, 6))
    out.sum().backward()

    assert out.shape == (0, 4, 5, 6)
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())
    assert norm.weight.grad is not None
    assert norm.bias.grad is not None
