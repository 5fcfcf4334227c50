"""Blocks that are asked for some tokens only, and blocks that compute twice instead of keeping."""

import pytest
import torch
from torch import nn

from avme.models.layers.blocks import Block
from avme.models.layers.dropout import DropPath


@pytest.fixture
def block() -> Block:
    torch.manual_seed(0)
    block = Block(16, 2, 2.0)
    for bias in (block.attention.q_bias, block.attention.v_bias):
        nn.init.normal_(bias)
    return block


def test_block_on_some_tokens_matches_block_on_all(block: Block) -> None:
    tokens = torch.randn(2, 7, 16)

    some = block(tokens[:, 3:], tokens)

    torch.testing.assert_close(some, block(tokens)[:, 3:])


def test_gradients_reach_tokens_that_are_only_looked_at(block: Block) -> None:
    tokens, same = (torch.ones(2, 7, 16).cumsum(dim=2).sin().requires_grad_() for _ in range(2))
    weight = torch.randn(2, 4, 16)

    torch.autograd.backward((block(tokens[:, 3:], tokens) * weight).sum())
    torch.autograd.backward((block(same)[:, 3:] * weight).sum())

    assert tokens.grad is not None
    assert same.grad is not None
    assert tokens.grad[:, :3].any()
    torch.testing.assert_close(tokens.grad, same.grad)


def test_recomputing_changes_no_bit_and_keeps_less(block: Block) -> None:
    block.drop_path = DropPath(0.5)
    tokens = torch.randn(2, 7, 16, requires_grad=True)

    kept = {recompute: _kept(block, tokens, recompute) for recompute in (False, True)}

    (size, gradients), (smaller, again) = kept[False], kept[True]
    assert smaller < size / 4
    assert all(torch.equal(a, b) for a, b in zip(gradients, again, strict=True))


def _kept(block: Block, tokens: torch.Tensor, recompute: bool) -> tuple[int, list[torch.Tensor]]:
    """Numbers that the backward pass was left with, and what it made of them."""
    sizes: list[int] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel())
        return tensor

    block.recompute = recompute
    torch.manual_seed(3)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = block(tokens)
    before = sum(sizes)
    return before, list(torch.autograd.grad(out.square().sum(), [tokens, *block.parameters()]))
