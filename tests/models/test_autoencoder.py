"""The whole masked autoencoder: shapes, parity with VideoMAE, no leak, gradients, overfitting."""

from collections.abc import Callable

import pytest
import torch
from einops import rearrange
from torch import Tensor, nn
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from avme.config import ClipConfig, FusionConfig, ModelConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.layers.pos_embed import separable_table
from avme.models.masking import TubeMask
from avme.models.reconstruction_loss import reconstruction_loss
from avme.models.tubelets import IMAGENET_DEVIATION, IMAGENET_MEAN

pytestmark = pytest.mark.slow

Inputs = tuple[Tensor, Tensor, Tensor]
MakeConfig = Callable[..., ModelConfig]
MakeInputs = Callable[..., Inputs]
Spread = Callable[[nn.Module], None]
SEEDS = torch.tensor([1, 2, 3])


def test_vit_b_has_the_papers_shapes_and_parameters() -> None:
    model = MaskedAutoencoder(ModelConfig(), ClipConfig())
    choice = TubeMask(model.grid, 0.9)(torch.tensor([1]))
    video = torch.zeros(1, 3, 16, 224, 224, dtype=torch.uint8)
    audio = torch.zeros(1, 256, 13), torch.ones(1, 256, dtype=torch.bool)

    assert model.audio is not None
    assert model.fusion is not None
    seen = model.visual(torch.zeros(1, 160, 1536), choice.keep)
    heard = model.audio.eval()(*audio)
    fused = model.fusion(seen, heard)
    made = model(video, *audio, choice)

    assert (model.grid.tokens, seen.shape, heard.shape) == (1568, (1, 160, 768), (1, 64, 768))
    assert fused.shape == (1, 160, 1536)
    assert model.decoder.bridge(fused).shape == (1, 160, 384)
    assert made.prediction.hidden.shape == made.hidden.shape == (1, 1408, 1536)
    millions = {
        name: sum(p.numel() for p in part.parameters()) / 1e6
        for name, part in model.named_children()
    }
    assert millions["visual"] == pytest.approx(86.2272, abs=1e-4)
    assert millions["audio"] == pytest.approx(1.456, abs=5e-3)
    assert millions["fusion"] == pytest.approx(14.18, abs=5e-3)
    assert millions["decoder"] == pytest.approx(7.688 + 0.590, abs=2e-3)


def test_hidden_pixels_cannot_reach_the_prediction(
    fusion: dict[str, str],
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
    spread: Spread,
) -> None:
    model = MaskedAutoencoder(make_model_config(**fusion), clip).eval()
    spread(model)
    choice = TubeMask(model.grid, 0.75)(SEEDS)
    video, mfcc, valid = make_inputs()
    hidden = torch.zeros(3, model.grid.tokens, dtype=torch.bool).scatter(1, choice.hide, True)
    pixels = rearrange(hidden, "b (t h w) -> b 1 t 1 h 1 w 1", t=2, h=4, w=4)
    pixels = pixels.expand(3, 3, 2, 2, 4, 4, 4, 4)
    where = rearrange(pixels, "b c t u h p w q -> b c (t u) (h p) (w q)")
    scrambled = torch.where(where, 255 - video, video)

    before = model(video, mfcc, valid, choice, True).prediction
    after = model(scrambled, mfcc, valid, choice, True).prediction

    assert not torch.equal(video, scrambled)
    assert torch.equal(before.hidden, after.hidden)
    assert torch.equal(before.seen, after.seen)


def test_autoencoder_gives_every_parameter_a_gradient(
    fusion: dict[str, str],
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
    spread: Spread,
) -> None:
    model = MaskedAutoencoder(make_model_config(**fusion), clip)
    spread(model)
    video, mfcc, valid = make_inputs()
    valid[0] = False

    made = model(video, mfcc, valid, TubeMask(model.grid, 0.75)(SEEDS))
    torch.autograd.backward(reconstruction_loss(made.prediction.hidden, made.hidden, "pixel"))

    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_autoencoder_overfits_one_batch(
    fusion: dict[str, str],
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
) -> None:
    torch.manual_seed(0)
    model = MaskedAutoencoder(make_model_config(**fusion), clip)
    inputs = make_inputs()
    choice = TubeMask(model.grid, 0.75)(SEEDS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    losses = []
    for _ in range(60):
        made = model(*inputs, choice)
        loss = reconstruction_loss(made.prediction.hidden, made.hidden, "normalized")
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())

    assert losses[-1] < 0.8 * losses[0]


def test_autoencoder_step_never_waits_for_the_device(
    fusion: dict[str, str],
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
) -> None:
    # On this device there are shapes and no numbers: whoever reads one fails.
    meta = torch.device("meta")
    model = MaskedAutoencoder(make_model_config(**fusion), clip).to(meta)
    video, mfcc, valid = make_inputs()
    valid[0] = False
    choice = TubeMask(model.grid, 0.75, 0.5)(SEEDS).to(meta)

    made = model(video.to(meta), mfcc.to(meta), valid, choice)
    torch.autograd.backward(reconstruction_loss(made.prediction.hidden, made.hidden, "normalized"))

    assert all(parameter.grad is not None for parameter in model.parameters())
    with pytest.raises((NotImplementedError, RuntimeError)):
        valid.to(meta).nonzero().tolist()


def test_prenorm_starts_as_videomae_to_the_last_bit(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    fused = MaskedAutoencoder(make_model_config(), clip).eval()
    plain = MaskedAutoencoder(make_model_config(kind="none"), clip).eval()
    state = {name: fused.state_dict()[name] for name in plain.state_dict()}
    state["decoder.bridge.weight"] = state["decoder.bridge.weight"][:, :32]
    plain.load_state_dict(state)
    choice = TubeMask(fused.grid, 0.75)(SEEDS)

    ours = fused(*make_inputs(), choice).prediction.hidden
    theirs = plain(*make_inputs(), choice).prediction.hidden

    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_autoencoder_without_fusion_equals_videomae_of_transformers(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs, spread: Spread
) -> None:
    config = make_model_config(kind="none")
    ours = MaskedAutoencoder(config, clip).eval()
    theirs = VideoMAEForPreTraining(
        VideoMAEConfig(
            image_size=16, patch_size=4, num_frames=4, tubelet_size=2, hidden_size=32,
            num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
            decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2,
            decoder_intermediate_size=64, use_mean_pooling=False, layer_norm_eps=1e-6,
        )
    ).eval()  # fmt: skip
    spread(theirs)
    for name, module in theirs.named_modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
            assert name
    ours.load_state_dict(from_transformers(theirs.state_dict()))
    video, mfcc, valid = make_inputs()
    choice = TubeMask(ours.grid, 0.75)(SEEDS)
    hidden = torch.zeros(3, ours.grid.tokens, dtype=torch.bool).scatter(1, choice.hide, True)
    mean, deviation = (
        torch.tensor(x)[:, None, None, None] for x in (IMAGENET_MEAN, IMAGENET_DEVIATION)
    )
    pixels = rearrange((video.float() / 255 - mean) / deviation, "b c t h w -> b t c h w")

    expected = theirs(pixels, bool_masked_pos=hidden)
    made = ours(video, mfcc, valid, choice)

    torch.testing.assert_close(made.prediction.hidden, expected.logits, rtol=1e-4, atol=1e-5)
    loss = reconstruction_loss(made.prediction.hidden, made.hidden, "normalized")
    torch.testing.assert_close(loss, expected.loss, rtol=1e-4, atol=1e-5)


def from_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their names in ours."""
    mine: dict[str, Tensor] = {
        "decoder.bridge.weight": state["encoder_to_decoder.weight"],
        "decoder.mask_token": state["mask_token"].flatten(),
    }
    kernel = state["videomae.embeddings.patch_embeddings.projection.weight"]
    mine["visual.embedding.linear.weight"] = rearrange(kernel, "d c u p q -> d (u p q c)")
    mine["visual.embedding.linear.bias"] = state[
        "videomae.embeddings.patch_embeddings.projection.bias"
    ]
    for kind in ("weight", "bias"):
        mine[f"visual.norm.{kind}"] = state[f"videomae.layernorm.{kind}"]
        mine[f"decoder.norm.{kind}"] = state[f"decoder.norm.{kind}"]
        mine[f"decoder.head.{kind}"] = state[f"decoder.head.{kind}"]
    for theirs, ours, depth in (
        ("videomae.encoder.layer", "visual.blocks", 2),
        ("decoder.decoder_layers", "decoder.blocks", 1),
    ):
        for index in range(depth):
            there, here = f"{theirs}.{index}", f"{ours}.{index}"
            attention = f"{there}.attention.attention"
            mine[f"{here}.attention.qkv.weight"] = torch.cat(
                [state[f"{attention}.{part}.weight"] for part in ("query", "key", "value")]
            )
            mine[f"{here}.attention.q_bias"] = state[f"{attention}.query.bias"]
            mine[f"{here}.attention.v_bias"] = state[f"{attention}.value.bias"]
            for part, name in (
                ("attention.output.dense", "attention.out"),
                ("layernorm_before", "norm1"),
                ("layernorm_after", "norm2"),
                ("intermediate.dense", "mlp.first"),
                ("output.dense", "mlp.last"),
            ):
                for kind in ("weight", "bias"):
                    mine[f"{here}.{name}.{kind}"] = state[f"{there}.{part}.{kind}"]
    return mine


def test_fusion_settings_reach_the_model(clip: ClipConfig, make_model_config: MakeConfig) -> None:
    for kind, expected in (("concat", "Fusion"), ("cross-attention", "PrenormFusion")):
        model = MaskedAutoencoder(make_model_config(kind=kind), clip)
        assert type(model.fusion).__name__ == expected
    assert FusionConfig().kind == "cross-attention"


def test_autoencoder_has_one_layout_of_positions(
    clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    config = make_model_config(kind="none")
    visual = config.visual.model_copy(update={"positions": "separable"})

    model = MaskedAutoencoder(config.model_copy(update={"visual": visual}), clip)

    assert torch.equal(model.visual.positions, separable_table(model.grid, visual.dim))
    assert torch.equal(model.decoder.positions, separable_table(model.grid, config.decoder.dim))
