"""Sound becomes one token for every four rows; silence never touches the batch statistics."""

import pytest
import torch

from avme.config import AudioConfig
from avme.models.audio_encoder import AudioEncoder, AudioResNet, SqueezeExcitation
from avme.models.layers.sync_batchnorm import GlobalBatchNorm

TINY = AudioConfig(widths=(4, 8, 8, 16), blocks=(1, 1, 1, 1))


def test_talknets_sizes_and_parameters() -> None:
    resnet = AudioResNet(AudioConfig())

    assert resnet.eval()(torch.randn(2, 256, 13)).shape == (2, 64, 128)
    millions = sum(p.numel() for p in resnet.parameters()) / 1e6
    assert millions == pytest.approx(1.354, abs=0.005)


def test_silent_clips_and_padding_are_the_null_token() -> None:
    encoder = AudioEncoder(TINY, dim=32, num_rows=32).eval()
    valid = torch.ones(2, 32, dtype=torch.bool)
    valid[0] = False
    valid[1, 16:] = False

    tokens = encoder(torch.randn(2, 32, 13), valid)

    null = encoder.null + encoder.positions
    assert torch.equal(tokens[0], null)
    assert torch.equal(tokens[1, 4:], null[4:])
    assert not torch.allclose(tokens[1, :4], null[:4])


def test_silent_clips_never_touch_batch_statistics() -> None:
    encoder, without = (AudioEncoder(TINY, 32, 32) for _ in range(2))
    without.load_state_dict(encoder.state_dict())
    mfcc, valid = torch.randn(4, 32, 13), torch.ones(4, 32, dtype=torch.bool)
    valid[1:3] = False

    tokens = encoder(mfcc, valid)
    alone = without(mfcc[[0, 3]], valid[[0, 3]])

    torch.testing.assert_close(tokens[[0, 3]], alone)
    for name, value in without.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], value), name


def make_resnet(config: AudioConfig = TINY) -> AudioResNet:
    """One whose norms shift what is zero, as trained ones do."""
    torch.manual_seed(0)
    resnet = AudioResNet(config)
    for module in resnet.modules():
        if isinstance(module, GlobalBatchNorm):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.bias, 0.5, 1)
        if isinstance(module, SqueezeExcitation):
            torch.nn.init.ones_(module.squeeze.bias)
    return resnet


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 4, 5, 10, 16, 31])
def test_padded_clips_give_the_tokens_of_the_same_rows_alone(rows: int, training: bool) -> None:
    padded, alone = (make_resnet().train(training) for _ in range(2))
    mfcc = torch.randn(3, 32, 13)
    valid = (torch.arange(32) < rows).expand(3, -1)

    tokens = padded(mfcc, valid)
    expected = alone(mfcc[:, :rows])

    torch.testing.assert_close(tokens[:, : -(-rows // 4)], expected, rtol=1e-4, atol=1e-5)
    assert not tokens[:, -(-rows // 4) :].any()
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(padded.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_talknets_encoder_of_full_size_is_untouched_by_padding_too() -> None:
    resnet = make_resnet(AudioConfig()).eval()
    mfcc = torch.randn(1, 256, 13)

    tokens = resnet(mfcc, torch.arange(256)[None] < 16)

    torch.testing.assert_close(tokens[:, :4], resnet(mfcc[:, :16]), rtol=1e-4, atol=1e-5)


def test_audio_encoder_treats_rows_before_the_clip_as_padding() -> None:
    resnet = make_resnet().eval()
    mfcc = torch.randn(2, 32, 13)

    tokens = resnet(mfcc, (torch.arange(32) >= 12).expand(2, -1))

    torch.testing.assert_close(tokens[:, 3:], resnet(mfcc[:, 12:]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_content_and_amount_of_padding_change_nothing(training: bool) -> None:
    valid = torch.rand(4, 32, generator=torch.Generator().manual_seed(0)) < 0.7  # gaps as well
    mfcc = torch.randn(4, 32, 13)
    noise = torch.where(valid[..., None], mfcc, float("nan"))
    silence = torch.where(valid[..., None], mfcc, 0.0)
    longer, tail = torch.nn.functional.pad(silence, (0, 0, 0, 64)), torch.zeros(4, 64).bool()

    tokens = make_resnet().train(training)(silence, valid)
    with_noise = make_resnet().train(training)(noise, valid)
    with_more = make_resnet().train(training)(longer, torch.cat([valid, tail], dim=1))

    assert torch.equal(with_noise, tokens)
    torch.testing.assert_close(with_more[:, :8], tokens, rtol=1e-4, atol=1e-5)
    assert not with_more[:, 8:].any()


def test_audio_encoder_without_padding_ignores_the_mask() -> None:
    mfcc = torch.randn(3, 32, 13)
    masked, plain, encoder = make_resnet(), make_resnet(), AudioEncoder(TINY, 32, 32)
    encoder.resnet.load_state_dict(plain.state_dict())

    tokens = masked(mfcc, torch.ones(3, 32, dtype=torch.bool))
    expected = plain(mfcc)
    whole = encoder(mfcc, torch.ones(3, 32, dtype=torch.bool))

    torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(whole, encoder.norm(encoder.project(expected)) + encoder.positions)


def test_audio_encoder_of_padded_clips_gives_finite_gradients() -> None:
    encoder = AudioEncoder(TINY, 32, 32)
    valid = torch.arange(32) < torch.tensor([1, 9, 32])[:, None]
    mfcc = torch.randn(3, 32, 13).masked_fill(~valid[..., None], float("nan"))

    encoder(mfcc, valid).square().sum().backward()

    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_audio_encoder_without_audible_clip_gives_every_parameter_a_gradient() -> None:
    encoder = AudioEncoder(TINY, 32, 32)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}

    encoder(torch.randn(2, 32, 13), torch.zeros(2, 32, dtype=torch.bool)).sum().backward()

    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_audio_encoder_of_shifted_audio_gives_shifted_tokens() -> None:
    # A burst far from both ends, moved by 8 tokens of 4 rows = one slot of ViT-B. Squeeze
    # and excitation pools over the window, which the move leaves as it was.
    resnet = AudioResNet(AudioConfig()).eval()
    burst = torch.randn(1, 40, 13, generator=torch.Generator().manual_seed(0))
    early, late = torch.zeros(1, 384, 13), torch.zeros(1, 384, 13)
    early[:, 160:200], late[:, 192:232] = burst, burst

    first, second = resnet(early), resnet(late)

    torch.testing.assert_close(second[:, 32:80], first[:, 24:72], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(second[:, 32:80], first[:, 32:80], rtol=1e-2, atol=1e-2)
