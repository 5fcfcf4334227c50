"""Shapes of the model: widths that attention and MLPs can have."""

import pytest
import torch
from pydantic import ValidationError

from avme.config import ClipConfig
from avme.config.model import AudioConfig, DecoderConfig, ModelConfig, VisualConfig
from avme.models.autoencoder import MaskedAutoencoder


@pytest.mark.parametrize("kind", [VisualConfig, DecoderConfig])
def test_block_sizes_that_do_not_fit_are_refused(
    kind: type[VisualConfig] | type[DecoderConfig],
) -> None:
    assert kind(dim=6, heads=3)
    with pytest.raises(ValidationError, match="width 6 is not divisible by 4 heads"):
        kind(dim=6, heads=4)
    with pytest.raises(ValidationError, match="leaves no hidden channel of width 6"):
        kind(dim=6, heads=3, mlp_ratio=0.1)


def test_fusion_heads_must_divide_the_width_of_the_encoder() -> None:
    sizes = {"visual": {"dim": 36, "heads": 6}}

    assert ModelConfig.model_validate({**sizes, "fusion": {"heads": 9}})
    with pytest.raises(ValidationError, match="width 36 is not divisible by 8 heads"):
        ModelConfig.model_validate(sizes)


def test_default_model_is_vit_b_of_the_paper() -> None:
    with torch.device("meta"):
        model = MaskedAutoencoder(ModelConfig(), ClipConfig())

    millions = sum(parameter.numel() for parameter in model.visual.parameters()) / 1e6
    assert millions == pytest.approx(86.2272, abs=1e-4)
    assert AudioConfig().blocks == (3, 4, 6, 3)  # ResNet-34
