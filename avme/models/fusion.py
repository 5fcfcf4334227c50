"""Cross-attention fusion of video and audio tokens (paper III-D, eq. 6): T_v and T_a to T_con.

Names state the roles, because the paper's arrows and TalkNet's point in opposite directions:
`visual_from_audio` has visual queries (the paper's T_v->a), `audio_from_visual` audio queries
(T_a->v). Eq. 6 as printed has neither projections nor a residual and would keep rank 8 of 160
tokens; the variants here have a residual (docs/decisions.md).

Visible tokens are ordered by time slot, equally many in each, so that an audio token reaches all
visual tokens of its slot by broadcasting: attention over repeated keys gives the same result.

Shape letters: b clips, k = t x p visual tokens, a = t x r audio tokens, d channels, t time slots, e
channels of one head; q and s any two sequences.
"""

from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange, reduce, repeat
from jaxtyping import Float
from torch import Tensor, nn

from avme.config import FusionConfig
from avme.errors import ConfigError
from avme.models.layers.blocks import NORM_EPS, Mlp, initialise
from avme.models.layers.onednn_linear import Linear


class CrossAttention(nn.Module):
    """Cross-attention: softmax(Q K^T / sqrt(e)) V, queries and sources from different streams."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = Linear(dim, dim)
        self.key_value = Linear(dim, 2 * dim)
        self.out = Linear(dim, dim)

    def forward(
        self, queries: Float[Tensor, "b q d"], source: Float[Tensor, "b s d"]
    ) -> Float[Tensor, "b q d"]:
        """Return the attended values for each query."""
        q = rearrange(self.query(queries), "b q (head e) -> b head q e", head=self.heads)
        k, v = rearrange(
            self.key_value(source), "b s (two head e) -> two b head s e", two=2, head=self.heads
        )
        dropout = self.dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        return cast(Tensor, self.out(rearrange(found, "b head q e -> b q (head e)")))


class PrenormLayer(nn.Module):
    """Pre-norm layer with the residual on the query; the identity at initialization."""

    def __init__(self, dim: int, config: FusionConfig) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(dim, eps=NORM_EPS)
        self.norm_source = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attention = CrossAttention(dim, config.heads, config.dropout)
        self.norm_mlp = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, config.mlp_ratio)
        self.apply(initialise)
        nn.init.zeros_(self.attention.out.weight)
        nn.init.zeros_(self.mlp.last.weight)

    def forward(
        self, queries: Float[Tensor, "b q d"], source: Float[Tensor, "b s d"]
    ) -> Float[Tensor, "b q d"]:
        """Return the queries plus the attended values."""
        found = self.attention(self.norm_query(queries), self.norm_source(source))
        queries = queries + found
        return cast(Tensor, queries + self.mlp(self.norm_mlp(queries)))


class TalkNetLayer(nn.Module):
    """Post-norm layer with the residual on the key/value side, as TalkNet's attention layer."""

    def __init__(self, dim: int, config: FusionConfig) -> None:
        super().__init__()
        self.attention = CrossAttention(dim, config.heads, config.dropout)
        self.norm_attention = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, config.mlp_ratio)
        self.norm_mlp = nn.LayerNorm(dim, eps=NORM_EPS)
        self.apply(initialise)

    def add(
        self, residual: Float[Tensor, "b k d"], found: Float[Tensor, "b k d"]
    ) -> Float[Tensor, "b k d"]:
        """Add attended values to the source stream, aligned to the visual tokens."""
        joined = self.norm_attention(residual + found)
        return cast(Tensor, self.norm_mlp(joined + self.mlp(joined)))


class Fusion(nn.Module):
    """Fusion to T_con: a visual and an audio half per visual token, concatenated on channels."""

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.slots = slots

    def halves(
        self, visual: Float[Tensor, "b k d"], audio: Float[Tensor, "b a d"]
    ) -> tuple[Float[Tensor, "b k d"], Float[Tensor, "b k d"]]:
        """Return the visual half and the audio half."""
        return visual, broadcast_to_slots(audio, visual.shape[1], self.slots)

    def forward(
        self, visual: Float[Tensor, "b k d"], audio: Float[Tensor, "b a d"]
    ) -> Float[Tensor, "b k 2*d"]:
        """Return N_fuse = N_v tokens of width D_fuse = 2 D_v; the base class concatenates."""
        return torch.cat(self.halves(visual, audio), dim=-1)


class PrenormFusion(Fusion):
    """Cross-attention fusion that passes both streams through unchanged at initialization."""

    def __init__(self, slots: int, dim: int, config: FusionConfig) -> None:
        super().__init__(slots)
        self.visual_from_audio = PrenormLayer(dim, config)
        self.audio_from_visual = PrenormLayer(dim, config)

    def halves(
        self, visual: Float[Tensor, "b k d"], audio: Float[Tensor, "b a d"]
    ) -> tuple[Float[Tensor, "b k d"], Float[Tensor, "b k d"]]:
        """Return both halves; both directions read the input streams."""
        seen = self.visual_from_audio(visual, audio)
        heard = self.audio_from_visual(audio, visual)
        return super().halves(seen, heard)


class TalkNetFusion(Fusion):
    """Cross-attention fusion in TalkNet's form, with residuals aligned by time slot."""

    def __init__(self, slots: int, dim: int, config: FusionConfig) -> None:
        super().__init__(slots)
        self.visual_from_audio = TalkNetLayer(dim, config)
        self.audio_from_visual = TalkNetLayer(dim, config)

    def halves(
        self, visual: Float[Tensor, "b k d"], audio: Float[Tensor, "b a d"]
    ) -> tuple[Float[Tensor, "b k d"], Float[Tensor, "b k d"]]:
        """Return both halves: the audio-query branch has T_v as residual, the visual-query branch
        T_a."""
        tokens = visual.shape[1]
        found_by_audio = self.audio_from_visual.attention(audio, visual)
        seen = self.audio_from_visual.add(
            visual, broadcast_to_slots(found_by_audio, tokens, self.slots)
        )
        found_by_visual = self.visual_from_audio.attention(visual, audio)
        heard = self.visual_from_audio.add(
            broadcast_to_slots(audio, tokens, self.slots), found_by_visual
        )
        return seen, heard


def broadcast_to_slots(
    audio: Float[Tensor, "b a d"], num_tokens: int, slots: int
) -> Float[Tensor, "b k d"]:
    """Broadcast the mean audio token of a slot to the slot's visual tokens.

    Args:
        audio: Audio tokens, ordered by time slot.
        num_tokens: Number of visual tokens.
        slots: Number of time slots.
    """
    mean = reduce(audio, "b (t r) d -> b t d", "mean", t=slots)
    return repeat(mean, "b t d -> b (t p) d", p=num_tokens // slots)


def build_fusion(config: FusionConfig, dim: int, slots: int) -> Fusion:
    """Build the fusion that the settings name.

    Args:
        config: Kind and variant.
        dim: Width of both streams.
        slots: Number of time slots.

    Raises:
        ConfigError: For `none`, which has no T_con.
    """
    if config.kind == "none":
        raise ConfigError("fusion none has no audio: use modality v, or pretrain with a fusion")
    if config.kind == "concat":
        return Fusion(slots)
    variant = PrenormFusion if config.variant == "prenorm" else TalkNetFusion
    return variant(slots, dim, config)
