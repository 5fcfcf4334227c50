"""Transformer block of encoder and decoder (ViT, pre-norm).

Keys have no bias, as in VideoMAE: it would cancel in the softmax.

Shape letters: b clips, n tokens, q some of them, d channels, e channels of one head.
"""

from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from avme.models.layers.dropout import DropPath
from avme.models.layers.onednn_linear import Linear, linear

NORM_EPS = 1e-6


class SelfAttention(nn.Module):
    """Multi-head self-attention: softmax(Q K^T / sqrt(e)) V."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.out = Linear(dim, dim)

    def forward(
        self, tokens: Float[Tensor, "b q d"], source: Float[Tensor, "b n d"] | None = None
    ) -> Float[Tensor, "b q d"]:
        """Attend from each token to all tokens of its clip.

        `source` holds all tokens where `tokens` are a subset of them.
        """
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        if source is None:
            q, k, v = self._heads(linear(tokens, self.qkv.weight, bias), 3)
        else:
            dim = tokens.shape[-1]
            (q,) = self._heads(linear(tokens, self.qkv.weight[:dim], bias[:dim]), 1)
            k, v = self._heads(linear(source, self.qkv.weight[dim:], bias[dim:]), 2)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return cast(Tensor, self.out(rearrange(mixed, "b head q e -> b q (head e)")))

    def _heads(self, joined: Tensor, parts: int) -> tuple[Tensor, ...]:
        pattern = "b n (parts head e) -> parts b head n e"
        return rearrange(joined, pattern, parts=parts, head=self.heads).unbind()


class Mlp(nn.Module):
    """Feed-forward network: linear, GELU, linear."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        self.first = Linear(dim, int(dim * ratio))
        self.last = Linear(int(dim * ratio), dim)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Apply the network. Same shape in and out."""
        return cast(Tensor, self.last(F.gelu(self.first(tokens))))


class Block(nn.Module):
    """Pre-norm block: x + attention(norm(x)), then x + mlp(norm(x)).

    With `recompute`, activations are recomputed in the backward pass instead of stored.
    """

    def __init__(self, dim: int, heads: int, mlp_ratio: float, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attention = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, mlp_ratio)
        self.drop_path = DropPath(drop_path)
        self.recompute = False

    def forward(
        self, tokens: Float[Tensor, "b q d"], source: Float[Tensor, "b n d"] | None = None
    ) -> Float[Tensor, "b q d"]:
        """Apply the block. `source` holds all tokens where `tokens` are a subset of them."""
        if self.recompute and torch.is_grad_enabled():
            again: Tensor = checkpoint(self._forward, tokens, source, use_reentrant=False)
            return again
        return self._forward(tokens, source)

    def _forward(self, tokens: Tensor, source: Tensor | None) -> Tensor:
        seen = None if source is None else self.norm1(source)
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens), seen))
        return cast(Tensor, tokens + self.drop_path(self.mlp(self.norm2(tokens))))


def initialise(module: nn.Module) -> None:
    """Initialize linear layers as VideoMAE: Xavier weights, zero biases. For `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
