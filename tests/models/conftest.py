"""Tiny models and clips: 2 time slots of 4 x 4 places, 8 audio tokens."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from avme.config import (
    AudioConfig,
    ClipConfig,
    DecoderConfig,
    FusionConfig,
    ModelConfig,
    VisualConfig,
)
from avme.models.audio_encoder import SqueezeExcitation

Inputs = tuple[Tensor, Tensor, Tensor]


@pytest.fixture
def clip() -> ClipConfig:
    return ClipConfig(num_frames=4, frame_stride=2, image_size=16)


@pytest.fixture(
    params=[
        {"kind": "cross-attention", "variant": "prenorm"},
        {"kind": "cross-attention", "variant": "talknet"},
        {"kind": "concat"},
        {"kind": "none"},
    ],
    ids=lambda settings: "-".join(settings.values()),
)
def fusion(request: pytest.FixtureRequest) -> dict[str, str]:
    """Every way to join sight and sound, one after the other."""
    settings: dict[str, str] = request.param
    return settings


@pytest.fixture
def make_model_config() -> Callable[..., ModelConfig]:
    def make(**fusion: object) -> ModelConfig:
        return ModelConfig(
            visual=VisualConfig(dim=32, depth=2, heads=4, patch_size=4),
            audio=AudioConfig(widths=(4, 8, 8, 16), blocks=(1, 1, 1, 1)),
            fusion=FusionConfig.model_validate({"heads": 4, **fusion}),
            decoder=DecoderConfig(dim=16, depth=1, heads=2),
        )

    return make


@pytest.fixture
def make_inputs(clip: ClipConfig) -> Callable[..., Inputs]:
    def make(clips: int = 3, seed: int = 0) -> Inputs:
        generator = torch.Generator().manual_seed(seed)
        size = (clips, 3, clip.num_frames, clip.image_size, clip.image_size)
        video = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
        mfcc = torch.randn(clips, clip.span_rows, 13, generator=generator)
        return video, mfcc, torch.ones(clips, clip.span_rows, dtype=torch.bool)

    return make


@pytest.fixture(scope="session")
def spread() -> Callable[[nn.Module], None]:
    """Puts random numbers wherever a model starts with zeros."""

    def fill(model: nn.Module) -> None:
        for parameter in model.parameters():
            if not parameter.detach().any():
                nn.init.normal_(parameter, std=0.1)
        for part in model.modules():
            if isinstance(part, nn.Linear) and part.in_features == 64:
                nn.init.normal_(part.weight, std=0.1)
            if isinstance(part, SqueezeExcitation):
                nn.init.ones_(part.squeeze.bias)  # no unit starts dead

    return fill
