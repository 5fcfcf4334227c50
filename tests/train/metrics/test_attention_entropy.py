"""Entropy of attention against closed forms, and a training step that does not feel it."""

import math
from collections.abc import Callable

import pytest
import torch

from avme.config import ClipConfig, ModelConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.fusion import CrossAttention
from avme.models.masking import TubeMask
from avme.train.metrics.attention_entropy import entropy, fusion_entropy

TINY = {
    "visual": {"dim": 16, "depth": 1, "heads": 2, "patch_size": 4},
    "audio": {"widths": (4, 4, 4, 8), "blocks": (1, 1, 1, 1)},
    "decoder": {"dim": 8, "depth": 1, "heads": 2},
}
CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=16)


@pytest.fixture
def make_model() -> Callable[..., MaskedAutoencoder]:
    def make(**fusion: object) -> MaskedAutoencoder:
        torch.manual_seed(0)
        settings = ModelConfig.model_validate({**TINY, "fusion": {"heads": 2, **fusion}})
        return MaskedAutoencoder(settings, CLIP)

    return make


def inputs(clips: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    video = torch.randint(256, (clips, 3, 4, 16, 16), dtype=torch.uint8, generator=generator)
    mfcc = torch.randn(clips, CLIP.span_rows, 13, generator=generator)
    return video, mfcc, torch.ones(clips, CLIP.span_rows, dtype=torch.bool)


def test_equal_keys_are_looked_at_alike_and_one_loud_key_alone() -> None:
    attention = CrossAttention(4, 1, 0.0)
    torch.nn.init.eye_(attention.query.weight)
    torch.nn.init.eye_(attention.key_value.weight)  # of 8 x 4: keys are the source, values zero
    queries = torch.ones(1, 3, 4)

    alike = entropy(attention, queries, torch.ones(1, 7, 4))
    loud = torch.zeros(1, 7, 4)
    loud[0, 2] = 1e3

    assert alike.item() == pytest.approx(1.0, abs=1e-6)
    assert entropy(attention, queries, loud).item() == pytest.approx(0.0, abs=1e-6)


def test_entropy_of_two_of_four_keys_is_half() -> None:
    attention = CrossAttention(4, 1, 0.0)
    torch.nn.init.eye_(attention.query.weight)
    torch.nn.init.eye_(attention.key_value.weight)
    source = torch.zeros(1, 4, 4)
    source[0, :2] = 1e3

    found = entropy(attention, torch.ones(1, 3, 4), source).item()

    assert found == pytest.approx(math.log(2) / math.log(4), abs=1e-5)


@pytest.mark.parametrize("variant", ["prenorm", "talknet"])
def test_fusion_entropy_covers_both_directions_and_keeps_the_model(
    make_model: Callable[..., MaskedAutoencoder], variant: str
) -> None:
    model = make_model(variant=variant).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    choice = TubeMask(model.grid, 0.75)(torch.arange(3))
    random = torch.get_rng_state()

    found = fusion_entropy(model, *inputs(3), choice.keep)

    assert set(found) == {"entropy_visual_from_audio", "entropy_audio_from_visual"}
    assert all(0.0 < value.item() <= 1.0 for value in found.values())
    assert not any(value.requires_grad for value in found.values())
    assert all(module.training for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_fusion_entropy_counts_silent_clips_only_without_others(
    make_model: Callable[..., MaskedAutoencoder],
) -> None:
    model = make_model().eval()
    video, mfcc, valid = inputs(3)
    for layer in (model.fusion.visual_from_audio, model.fusion.audio_from_visual):  # type: ignore[union-attr]
        torch.nn.init.normal_(layer.attention.key_value.weight, std=2.0)  # type: ignore[union-attr, arg-type]
    some = valid.clone()
    some[0] = some[2] = False

    mixed = fusion_entropy(model, video, mfcc, some)
    alone = fusion_entropy(model, video[1:2], mfcc[1:2], valid[1:2])
    silent = fusion_entropy(model, video, mfcc, torch.zeros_like(valid))

    for name, value in mixed.items():
        assert value.item() == pytest.approx(alone[name].item(), abs=1e-5)
        assert math.isfinite(silent[name].item())


@pytest.mark.parametrize("kind", ["concat", "none"])
def test_fusion_entropy_without_attention_is_empty(
    make_model: Callable[..., MaskedAutoencoder], kind: str
) -> None:
    assert fusion_entropy(make_model(kind=kind), *inputs(2)) == {}


@pytest.mark.slow
def test_fusion_entropy_of_few_clips_compiles_no_block(
    make_model: Callable[..., MaskedAutoencoder],
) -> None:
    model, compiled = make_model(), []

    def backend(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        compiled.append(graph)
        return graph.forward

    for block in model.visual.blocks:
        block.compile(backend=backend)

    fusion_entropy(model, *inputs(2))

    assert not compiled
