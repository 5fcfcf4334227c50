"""Lengths of gradients by part, against numpy and torch's own."""

import numpy as np
import pytest
import torch
from torch import nn

from avme.config import AudioConfig
from avme.models.audio_encoder import AudioEncoder
from avme.train.grad_norm import clip_gradients, gradient_norms


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.visual, self.audio = nn.Linear(3, 4), nn.Linear(3, 4)
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, 2)


def made() -> Parts:
    torch.manual_seed(0)
    model = Parts()
    model.head(model.norm(model.visual(torch.randn(5, 3)))).square().sum().backward()
    return model


def length(*modules: nn.Module) -> float:
    gradients = [p.grad for module in modules for p in module.parameters()]
    return float(np.sqrt(sum((g.numpy() ** 2).sum() for g in gradients if g is not None)))


def test_gradient_norms_cover_every_part_and_count_the_norm_with_the_head() -> None:
    model = made()

    norms = gradient_norms(model)

    assert list(norms) == ["grad_norm", *(f"grad_norm_{p}" for p in ("audio", "head", "visual"))]
    assert float(norms["grad_norm_visual"]) == pytest.approx(length(model.visual), rel=1e-5)
    assert float(norms["grad_norm_head"]) == pytest.approx(length(model.norm, model.head), rel=1e-5)
    assert float(norms["grad_norm"]) == pytest.approx(length(model), rel=1e-5)


def test_gradient_norms_of_part_without_gradient_are_zero() -> None:
    assert float(gradient_norms(made())["grad_norm_audio"]) == 0.0


def test_gradient_norms_separate_audio_encoder_and_null_token() -> None:
    encoder = nn.Module()
    encoder.audio = AudioEncoder(AudioConfig(widths=(4, 4, 4, 8), blocks=(1, 1, 1, 1)), 8, 16)
    silence = torch.zeros(2, 16, dtype=torch.bool)

    encoder.audio(torch.zeros(2, 16, 13), silence).square().sum().backward()
    norms = gradient_norms(encoder)

    assert float(norms["grad_norm_audio"]) == 0.0
    assert float(norms["grad_norm_audio_null"]) > 0.0


def test_clip_gradients_equals_torch() -> None:
    ours, theirs = made(), made()

    clip_gradients(ours, 0.5, gradient_norms(ours)["grad_norm"])
    nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)

    assert float(gradient_norms(ours)["grad_norm"]) == pytest.approx(0.5, rel=1e-4)
    torch.testing.assert_close(ours.head.weight.grad, theirs.head.weight.grad)
