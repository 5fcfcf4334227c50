"""The transformer block that encoder and decoder share (ViT, pre-norm).

Keys have no bias, as in VideoMAE: it would cancel in the softmax.

Shape letters: b clips, n tokens, d channels, e channels of one head.
"""

from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from avme.models.dropping import DropPath

NORM_EPS = 1e-6


class SelfAttention(nn.Module):
    """softmax(Q K^T / sqrt(e)) V with several heads."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.out = nn.Linear(dim, dim)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Every token attends to all tokens of its clip."""
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = rearrange(
            F.linear(tokens, self.qkv.weight, bias),
            "b n (three head e) -> three b head n e",
            three=3,
            head=self.heads,
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        return cast(Tensor, self.out(rearrange(mixed, "b head n e -> b n (head e)")))


class Mlp(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, dim: int, ratio: float) -> None:
        super().__init__()
        self.first = nn.Linear(dim, int(dim * ratio))
        self.last = nn.Linear(int(dim * ratio), dim)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Same shape in and out."""
        return cast(Tensor, self.last(F.gelu(self.first(tokens))))


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attention = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Same shape in and out."""
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens)))
        return cast(Tensor, tokens + self.drop_path(self.mlp(self.norm2(tokens))))


def initialise(module: nn.Module) -> None:
    """Xavier on linear layers and zero on biases, as VideoMAE; to be used with `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
