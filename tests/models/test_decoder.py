"""The decoder: what it is given, what it predicts, and what cannot reach a prediction."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn

from avme.config import ClipConfig, ModelConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.masking import TubeMask
from avme.models.tubelets import to_tubelets

MakeConfig = Callable[..., ModelConfig]
MakeInputs = Callable[..., tuple[Tensor, Tensor, Tensor]]
Spread = Callable[[nn.Module], None]
SEEDS = torch.tensor([1, 2, 3])


def test_half_of_the_hidden_tokens_are_given_to_the_decoder_and_predicted(
    fusion: dict[str, str],
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_inputs: MakeInputs,
    spread: Spread,
) -> None:
    model = MaskedAutoencoder(make_model_config(**fusion), clip).eval()
    spread(model)
    choice = TubeMask(model.grid, 0.75, 0.5)(SEEDS)
    video, mfcc, valid = make_inputs()
    lengths: list[int] = []
    model.decoder.blocks[-1].register_forward_hook(
        lambda _block, tokens, _out: lengths.append(tokens[-1].shape[1])
    )

    made = model(video, mfcc, valid, choice)

    whole = to_tubelets(video, 2, 4)
    expected = torch.stack([clip[index] for clip, index in zip(whole, choice.predict, strict=True)])
    assert (choice.hide.shape[1], choice.predict.shape[1]) == (24, 12)
    assert made.prediction.hidden.shape == made.hidden.shape == (3, 12, 96)
    assert torch.equal(made.hidden, expected)
    assert lengths == [8 + 12]


def test_decoder_leaves_unpredicted_tokens_out_of_prediction_and_loss(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs, spread: Spread
) -> None:
    model = MaskedAutoencoder(make_model_config(), clip).eval()
    spread(model)
    choice = TubeMask(model.grid, 0.75, 0.5)(SEEDS)
    video, mfcc, valid = make_inputs()
    used = torch.cat([choice.keep, choice.predict], dim=1)
    unused = torch.ones(3, model.grid.tokens, dtype=torch.bool).scatter(1, used, False)
    pixels = rearrange(unused, "b (t h w) -> b 1 t 1 h 1 w 1", t=2, h=4, w=4)
    pixels = pixels.expand(3, 3, 2, 2, 4, 4, 4, 4)
    where = rearrange(pixels, "b c t u h p w q -> b c (t u) (h p) (w q)")

    before = model(video, mfcc, valid, choice)
    after = model(torch.where(where, 255 - video, video), mfcc, valid, choice)

    assert where.any()
    assert torch.equal(before.prediction.hidden, after.prediction.hidden)
    assert torch.equal(before.hidden, after.hidden)


def test_asking_for_seen_tokens_leaves_the_hidden_ones_as_they_are(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs
) -> None:
    model = MaskedAutoencoder(make_model_config(), clip).eval()
    choice = TubeMask(model.grid, 0.75)(SEEDS)

    alone = model(*make_inputs(), choice).prediction
    both = model(*make_inputs(), choice, True).prediction

    assert alone.seen is None
    assert both.seen.shape == (3, 8, 96)
    assert torch.equal(alone.hidden, both.hidden)


def test_audio_reaches_the_prediction_once_the_bridge_is_nonzero(
    clip: ClipConfig, make_model_config: MakeConfig, make_inputs: MakeInputs, spread: Spread
) -> None:
    model = MaskedAutoencoder(make_model_config(), clip).eval()
    spread(model)
    video, mfcc, valid = make_inputs()
    choice = TubeMask(model.grid, 0.75)(SEEDS)

    with_audio = model(video, mfcc, valid, choice).prediction.hidden
    other_audio = model(video, mfcc.flip(0), valid, choice).prediction.hidden

    assert not torch.allclose(with_audio, other_audio, atol=1e-4)
