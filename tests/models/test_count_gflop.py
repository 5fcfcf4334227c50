"""FLOPs by the counter against a closed form."""

import pytest
import torch

from avme.models.blocks import SelfAttention
from avme.models.flops import count_gflop


def test_attention_is_counted_and_not_only_its_projections() -> None:
    tokens, dim = 20, 32
    projections = 2 * tokens * dim * 4 * dim
    scores_and_values = 2 * 2 * tokens * tokens * dim

    counted = count_gflop(SelfAttention(dim, 4), torch.zeros(1, tokens, dim))

    assert counted * 1e9 == pytest.approx(projections + scores_and_values)
