"""Counted operations against closed forms, figures of VideoMAE, and a call that computes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from avme.config import ClipConfig, ModelConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.models.complexity import Flops, count_flops, count_gflop, count_parameters, example_clip
from avme.models.layers.blocks import SelfAttention
from avme.models.masking import TokenMask, TubeMask

pytestmark = pytest.mark.slow

Inputs = tuple[Tensor, Tensor, Tensor]
VIDEOMAE = ModelConfig.model_validate({"fusion": {"kind": "none"}})


def blocks(count: int, tokens: int, dim: int) -> int:
    """Transformer blocks with an MLP four times as wide, a multiply-add counted as two."""
    projections = 2 * tokens * (4 * dim**2 + 8 * dim**2)
    attention = 2 * 2 * tokens**2 * dim
    return count * (projections + attention)


def last_block(queries: int, tokens: int, dim: int) -> int:
    """One that only `queries` of the tokens leave; keys and values are those of all."""
    projections = 2 * tokens * 2 * dim**2 + 2 * queries * (2 * dim**2 + 8 * dim**2)
    return projections + 2 * 2 * queries * tokens * dim


def spared_in_the_decoder(hidden: int) -> int:
    """What VideoMAE computes in its last block and nobody reads."""
    return blocks(1, 1568, 384) - last_block(hidden, 1568, 384)


def linear(tokens: int, inputs: int, outputs: int) -> int:
    return 2 * tokens * inputs * outputs


def choose(model: MaskedAutoencoder, ratio: float, clips: int = 1) -> TokenMask:
    return TubeMask(model.grid, ratio)(torch.arange(clips))


def on_meta(config: ModelConfig, clip: ClipConfig) -> tuple[MaskedAutoencoder, Inputs]:
    shape = (1, 3, clip.num_frames, clip.image_size, clip.image_size)
    with torch.device("meta"):
        model = MaskedAutoencoder(config, clip)
        video = torch.zeros(shape, dtype=torch.uint8)
        return model, (video, torch.zeros(1, 256, 13), torch.ones(1, 256, dtype=torch.bool))


def videomae(ratio: float) -> Flops:
    model, inputs = on_meta(VIDEOMAE, ClipConfig())
    return count_flops(model, *inputs, choose(model, ratio))


@pytest.mark.parametrize(("ratio", "seen"), [(0.75, 392), (0.9, 160), (0.95, 80)])
def test_count_flops_of_videomae_equals_the_closed_form(ratio: float, seen: int) -> None:
    encoder = linear(seen, 1536, 768) + blocks(12, seen, 768)
    head = linear(1568 - seen, 384, 1536)
    decoder = linear(seen, 768, 384) + blocks(3, 1568, 384) + last_block(1568 - seen, 1568, 384)

    found = videomae(ratio)

    assert found.parts == {"visual": encoder, "decoder": decoder + head}
    assert found.forward == encoder + decoder + head
    # every product has two gradients, except that of the pixels
    assert found.backward == 2 * found.forward - linear(seen, 1536, 768)


@pytest.mark.parametrize(("ratio", "gflop"), [(0.95, 56.6), (0.9, 70.9), (0.75, 114.9)])
def test_count_flops_with_all_tubelets_equals_transformers_videomae(
    ratio: float, gflop: float
) -> None:
    hidden = 8 * int(ratio * 196)

    forward = videomae(ratio).forward + linear(hidden, 1536, 768) + spared_in_the_decoder(hidden)

    assert forward / 1e9 == pytest.approx(gflop, abs=0.05)


def test_count_flops_of_vit_b_at_mask_90_is_213_gflop_per_step() -> None:
    step = videomae(0.9).step + 3 * (linear(1408, 1536, 768) + spared_in_the_decoder(1408))

    assert step / 1e9 == pytest.approx(213, rel=0.005)


def test_count_flops_of_vit_b_on_all_tokens_is_180_billion_multiply_adds() -> None:
    _, inputs = on_meta(VIDEOMAE, ClipConfig())
    with torch.device("meta"):
        model = Classifier(VIDEOMAE, ClipConfig(), 400, "v")

    assert count_flops(model, *inputs).forward / 2e9 == pytest.approx(180.3, abs=0.1)


@pytest.mark.parametrize("kind", ["cross-attention", "concat", "none"])
def test_count_flops_on_meta_equals_counter_of_a_real_call(
    kind: str,
    clip: ClipConfig,
    make_model_config: Callable[..., ModelConfig],
    make_inputs: Callable[..., Inputs],
) -> None:
    model, inputs = MaskedAutoencoder(make_model_config(kind=kind), clip), make_inputs()
    choice = choose(model, 0.5, clips=3)
    counter = FlopCounterMode(display=False)

    with torch.no_grad(), counter, sdpa_kernel(SDPBackend.MATH):
        model(*inputs, choice)
    found = count_flops(model, *inputs, choice)

    assert found.forward == counter.get_total_flops() == sum(found.parts.values())


def test_count_flops_leaves_model_unchanged(
    clip: ClipConfig,
    make_model_config: Callable[..., ModelConfig],
    make_inputs: Callable[..., Inputs],
) -> None:
    model = MaskedAutoencoder(make_model_config(), clip).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    forward_alone = count_flops(model, *make_inputs(), choose(model, 0.5, 3), backward=False)

    assert forward_alone.backward == 0
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_count_flops_with_loss_on_all_tokens_adds_head_and_last_block(
    clip: ClipConfig,
    make_model_config: Callable[..., ModelConfig],
    make_inputs: Callable[..., Inputs],
) -> None:
    model, inputs = MaskedAutoencoder(make_model_config(), clip), make_inputs(clips=1)
    choice = choose(model, 0.5)

    hidden, everything = (count_flops(model, *inputs, choice, seen) for seen in (False, True))

    seen, hidden_too = choice.keep.shape[1], choice.hide.shape[1]
    extra = linear(seen, 16, 2 * 4 * 4 * 3) + last_block(seen, seen + hidden_too, 16)
    assert everything.forward - hidden.forward == extra
    assert everything.backward - hidden.backward == 2 * extra


def test_count_gflop_of_attention_includes_scores_and_values() -> None:
    tokens, dim = 20, 32
    projections = 2 * tokens * dim * 4 * dim
    scores_and_values = 2 * 2 * tokens * tokens * dim

    counted = count_gflop(SelfAttention(dim, 4), torch.zeros(1, tokens, dim))

    assert counted * 1e9 == pytest.approx(projections + scores_and_values)


def test_parts_and_total_are_counted() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False))

    assert count_parameters(model) == {"all": 24, "0": 16, "1": 8}


def test_shared_parameters_count_once_in_total() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight

    assert count_parameters(model)["all"] == 4


def test_example_clip_on_meta_fits_the_model(
    clip: ClipConfig, make_model_config: Callable[..., ModelConfig]
) -> None:
    device = torch.device("meta")
    config = make_model_config()
    model = MaskedAutoencoder(config, clip)
    choice = TubeMask(model.grid, 0.75)(torch.tensor([1]))

    inputs = example_clip(clip, config.audio.num_cepstra, device)

    assert {tensor.device.type for tensor in inputs} == {"meta"}
    assert count_flops(model, *inputs, choice).forward > 0


def test_example_clip_on_cpu_has_audio_in_every_row(clip: ClipConfig) -> None:
    _, mfcc, valid = example_clip(clip, 13, torch.device("cpu"))

    assert valid.all()
    assert valid.shape[1] == 4 * clip.num_frames * clip.frame_stride
    assert not mfcc.any()
