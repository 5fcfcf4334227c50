"""Networks by size: parameters of the published ViTs."""

import pytest
import torch

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import preset, sizes
from avme.config.resolve import resolve
from avme.models.autoencoder import MaskedAutoencoder


@pytest.mark.parametrize(("name", "millions"), [("small", 22), ("base", 86), ("large", 304)])
def test_size_has_the_parameters_of_its_vit(name: str, millions: int) -> None:
    """Published for images; the second frame of a tubelet adds another embedding kernel."""
    config = resolve(PretrainConfig, preset=preset("pretrain", name))
    with torch.device("meta"):
        model = MaskedAutoencoder(config.model, config.clip)

    found = sum(parameter.numel() for parameter in model.visual.parameters())
    added = 3 * 16 * 16 * config.model.visual.dim
    assert (found - added) / 1e6 == pytest.approx(millions, rel=0.02)


@pytest.mark.parametrize("name", sizes.RECIPES)
def test_size_of_both_stages_is_the_same_encoder(name: str) -> None:
    before = resolve(PretrainConfig, preset=preset("pretrain", name))
    after = resolve(FinetuneConfig, preset=preset("finetune", name))

    assert before.model.visual == after.model.visual
    assert before.model.visual.dim == 64 * before.model.visual.heads
