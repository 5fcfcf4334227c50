"""Coefficients are those of the paper, and only the encoders' gradients change."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import resolve
from avme.errors import ConfigError
from avme.train.distributed.process_group import Distributed
from avme.train.gradient_modulation import (
    SCORES,
    GradientModulation,
    coefficients,
    modality_scores,
    modulation_of,
)


class TwoEncoders(nn.Module):
    """Two encoders, a head, and a parameter that has no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
        self.audio = nn.Linear(2, 4)
        self.audio.register_parameter("null", nn.Parameter(torch.zeros(4)))
        self.head = nn.Linear(8, 2)

    def forward(self, video: Tensor, audio: Tensor) -> Tensor:
        both = torch.cat([self.visual(video), self.audio(audio)], dim=1)
        return torch.as_tensor(self.head(both))


def gradients(alpha: float | None, scores: tuple[float, float]) -> dict[str, Tensor]:
    """Return the gradients of one batch, modulated unless alpha is None."""
    torch.manual_seed(0)
    model = TwoEncoders()
    model(torch.randn(5, 3), torch.randn(5, 2)).square().mean().backward()
    if alpha is not None:
        totals = dict(zip(SCORES, map(torch.tensor, scores), strict=True))
        GradientModulation(alpha).apply(model, totals, Distributed())
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("video", "audio"), [(0.6, 0.3), (0.2, 0.5), (0.4, 0.4), (0.0, 0.3)])
def test_coefficients_equal_the_published_formula(video: float, audio: float, alpha: float) -> None:
    found = coefficients(torch.tensor([video, audio], dtype=torch.float64), alpha).tolist()

    expected = [
        1.0 - math.tanh(alpha * one / other) if other > 0.0 and one / other > 1.0 else 1.0
        for one, other in ((video, audio), (audio, video))
    ]
    if video == 0.0:
        expected[1] = 0.0  # tanh of infinity
    assert found == pytest.approx(expected, abs=1e-12)


def test_coefficients_without_counted_clips_are_one() -> None:
    assert coefficients(torch.zeros(2), 1.0).tolist() == [1.0, 1.0]


def test_modality_scores_average_the_probability_of_the_label() -> None:
    draw = torch.Generator().manual_seed(0)
    video, audio = (torch.randn(6, 3, generator=draw) for _ in range(2))
    label, counted = torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([True] * 4 + [False] * 2)

    found = modality_scores(video, audio, nn.functional.one_hot(label, 3).float(), counted)

    for name, logits in zip(SCORES, (video, audio), strict=True):
        expected = sum(
            math.exp(logits[n, label[n]]) / sum(math.exp(each) for each in logits[n].tolist())
            for n in range(4)
        )
        assert float(found[name]) == pytest.approx(expected / 6)


def test_apply_scales_the_encoder_that_is_ahead_alone() -> None:
    plain, found = gradients(None, (0.6, 0.3)), gradients(0.5, (0.6, 0.3))

    factor = 1.0 - math.tanh(0.5 * 0.6 / 0.3)
    assert found.keys() == plain.keys()
    assert "audio.null" not in found
    for name, gradient in plain.items():
        if name.startswith("visual."):
            torch.testing.assert_close(found[name], gradient * factor)
        else:
            assert torch.equal(found[name], gradient)


def test_apply_with_alpha_0_leaves_gradients_equal_to_the_bit() -> None:
    plain, found = gradients(None, (0.6, 0.3)), gradients(0.0, (0.6, 0.3))

    assert all(torch.equal(found[name], gradient) for name, gradient in plain.items())


def test_apply_returns_the_coefficients_by_encoder() -> None:
    totals = dict(zip(SCORES, torch.tensor([0.2, 0.4]), strict=True))

    found = GradientModulation(1.0).apply(TwoEncoders(), totals, Distributed())

    assert float(found["gradient_scale_visual"]) == 1.0
    assert float(found["gradient_scale_audio"]) == pytest.approx(1.0 - math.tanh(2.0))


_RANKS = """
import torch
from avme.train.distributed.process_group import init_distributed
from avme.train.gradient_modulation import SCORES, GradientModulation

with init_distributed(torch.device("cpu")) as processes:
    model = torch.nn.ModuleDict({"visual": torch.nn.Linear(2, 2), "audio": torch.nn.Linear(2, 2)})
    own = torch.tensor([[0.9, 0.1], [0.1, 0.3]][processes.rank])
    found = GradientModulation(1.0).apply(model, dict(zip(SCORES, own)), processes)
    expected = 1.0 - torch.tanh(torch.tensor(0.5 / 0.2))
    assert torch.allclose(found["gradient_scale_visual"], expected), found
    assert found["gradient_scale_audio"] == 1.0
"""


@pytest.mark.slow
def test_apply_on_two_ranks_takes_the_scores_of_both(run_ranks: Callable[..., None]) -> None:
    run_ranks(2, _RANKS)


def test_modulation_of_settings_without_it_is_none() -> None:
    heads = ["head.unimodal_weight=0.4"]

    assert modulation_of(PretrainConfig()) is None
    assert modulation_of(resolve(FinetuneConfig, sets=heads)) is None
    alone = [*heads, "head.gradient_modulation=1", "modality=v"]
    assert modulation_of(resolve(FinetuneConfig, sets=alone)) is None
    both = [*heads, "head.gradient_modulation=0.5"]
    assert modulation_of(resolve(FinetuneConfig, sets=both)) == GradientModulation(0.5)


def test_gradient_modulation_without_unimodal_heads_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs the heads of head\.unimodal_weight"):
        resolve(FinetuneConfig, sets=["head.gradient_modulation=0.5"])
