"""Sound becomes one token for every four rows; silence never touches the batch statistics."""

import pytest
import torch

from avme.config import AudioConfig
from avme.models.audio import AudioEncoder, AudioResNet

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


def test_a_batch_without_any_sound_gives_every_parameter_a_gradient() -> None:
    encoder = AudioEncoder(TINY, 32, 32)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}

    encoder(torch.randn(2, 32, 13), torch.zeros(2, 32, dtype=torch.bool)).sum().backward()

    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_sound_one_slot_later_gives_tokens_one_slot_later() -> None:
    # A burst far from both ends, moved by 8 tokens of 4 rows = one slot of ViT-B. Squeeze
    # and excitation pools over the window, which the move leaves as it was.
    resnet = AudioResNet(AudioConfig()).eval()
    burst = torch.randn(1, 40, 13, generator=torch.Generator().manual_seed(0))
    early, late = torch.zeros(1, 384, 13), torch.zeros(1, 384, 13)
    early[:, 160:200], late[:, 192:232] = burst, burst

    first, second = resnet(early), resnet(late)

    torch.testing.assert_close(second[:, 32:80], first[:, 24:72], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(second[:, 32:80], first[:, 32:80], rtol=1e-2, atol=1e-2)
