"""Cross-attention: shapes, the slot broadcast, and the identity that prenorm starts as."""

from collections.abc import Callable
from typing import TypeVar

import pytest
import torch
from einops import repeat

from avme.config import FusionConfig
from avme.errors import ConfigError
from avme.models.fusion import (
    CrossAttention,
    PrenormFusion,
    TalkNetFusion,
    broadcast_to_slots,
    build_fusion,
)

SLOTS, PLACES, HEARD, DIM = 2, 5, 3, 16
CONFIG = FusionConfig(heads=4)
Part = TypeVar("Part", bound=torch.nn.Module)


def make_streams() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    visual = torch.randn(2, SLOTS * PLACES, DIM, generator=generator)
    return visual, torch.randn(2, SLOTS * HEARD, DIM, generator=generator)


def spread(module: Part) -> Part:
    """Replaces zero-initialised weights, so that a test of equality cannot pass on zeros."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


@pytest.mark.parametrize("kind", ["cross-attention", "concat"])
@pytest.mark.parametrize("variant", ["prenorm", "talknet"])
def test_fusion_doubles_the_width_of_visual_tokens(kind: str, variant: str) -> None:
    config = FusionConfig.model_validate({"kind": kind, "variant": variant, "heads": 4})

    fused = build_fusion(config, DIM, SLOTS)(*make_streams())

    assert fused.shape == (2, SLOTS * PLACES, 2 * DIM)


def test_keys_repeated_to_the_visual_tokens_change_nothing() -> None:
    visual, audio = make_streams()
    attention = spread(CrossAttention(DIM, 4, 0.0))

    repeated = repeat(audio, "b a d -> b (a p) d", p=PLACES)

    torch.testing.assert_close(attention(visual, repeated), attention(visual, audio))


def test_broadcast_by_slot_equals_asking_once_for_every_visual_token() -> None:
    visual, audio = make_streams()
    attention = spread(CrossAttention(DIM, 4, 0.0))

    broadcast = broadcast_to_slots(attention(audio, visual), SLOTS * PLACES, SLOTS)

    for token in range(SLOTS * PLACES):
        slot = token // PLACES
        queries = audio[:, slot * HEARD : (slot + 1) * HEARD]
        torch.testing.assert_close(broadcast[:, token], attention(queries, visual).mean(dim=1))


def test_prenorm_starts_as_plain_concatenation() -> None:
    visual, audio = make_streams()

    seen, heard = PrenormFusion(SLOTS, DIM, CONFIG).halves(visual, audio)

    assert torch.equal(seen, visual)
    assert torch.equal(heard, broadcast_to_slots(audio, SLOTS * PLACES, SLOTS))


def test_attention_as_printed_in_equation_6_loses_rank_and_a_residual_keeps_it() -> None:
    visual, audio = make_streams()
    slots = broadcast_to_slots(audio, SLOTS * PLACES, SLOTS)

    literal = (visual @ slots.mT / DIM**0.5).softmax(dim=-1) @ slots
    kept = TalkNetFusion(SLOTS, DIM, CONFIG).halves(visual, audio)[0]

    assert torch.linalg.matrix_rank(literal).tolist() == [SLOTS, SLOTS]
    assert torch.linalg.matrix_rank(kept).min() > SLOTS


@pytest.mark.parametrize("make", [PrenormFusion, TalkNetFusion])
def test_fusion_halves_depend_on_both_streams(make: Callable[..., PrenormFusion]) -> None:
    fusion = spread(make(SLOTS, DIM, CONFIG))
    visual, audio = (stream.requires_grad_() for stream in make_streams())

    for half in fusion.halves(visual, audio):
        gradients = torch.autograd.grad(half.square().sum(), (visual, audio), retain_graph=True)
        assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_build_fusion_of_none_builds_nothing() -> None:
    with pytest.raises(ConfigError, match="modality v"):
        build_fusion(FusionConfig(kind="none"), DIM, SLOTS)
