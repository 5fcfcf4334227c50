"""VideoMAE of transformers as a baseline: same sizes, same mask, same input."""

import sys

import pytest
import torch

from avme.bench.random_batch import random_batch
from avme.bench.videomae import build_videomae, layers_of, to_float, to_mask, why_no_transformers
from avme.config import PretrainConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.masking import TubeMask

pytestmark = pytest.mark.slow

CONFIG = PretrainConfig.model_validate(
    {
        "clip": {"num_frames": 4, "frame_stride": 2, "image_size": 32},
        "model": {
            "visual": {"dim": 32, "depth": 2, "heads": 4, "patch_size": 8},
            "audio": {"widths": [4, 8, 8, 16], "blocks": [1, 1, 1, 1]},
            "decoder": {"dim": 16, "depth": 1, "heads": 2},
            "fusion": {"heads": 4},
        },
    }
)


CPU = torch.device("cpu")


def test_build_videomae_without_fusion_has_the_same_parameter_count() -> None:
    none = CONFIG.model_copy(
        update={"model": CONFIG.model.model_copy(update={"fusion": {"kind": "none"}})}
    )
    config = PretrainConfig.model_validate(none.model_dump(warnings=False))

    theirs, _ = build_videomae(config, random_batch(config, 2, CPU))

    ours = MaskedAutoencoder(config.model, config.clip)
    count = sum(parameter.numel() for parameter in ours.parameters())
    assert sum(parameter.numel() for parameter in theirs.parameters()) == count
    assert len(layers_of(theirs)) == 3


def test_to_mask_and_to_float_match_mask_and_frames_of_the_batch() -> None:
    batch = random_batch(CONFIG, 2, CPU)

    mask, floats = to_mask(CONFIG, batch), to_float(batch)

    grid = MaskedAutoencoder(CONFIG.model, CONFIG.clip).grid
    choice = TubeMask(grid, CONFIG.mask.ratio)(batch.seed)
    assert torch.equal(mask.nonzero()[:, 1], choice.hide.flatten())
    assert floats.shape == (2, 4, 3, 32, 32)
    green = batch.video[1, 1, 3, 5, 7] / 255
    torch.testing.assert_close(floats[1, 3, 1, 5, 7], (green - 0.456) / 0.224)


def test_build_videomae_step_has_a_loss_with_gradients() -> None:
    batch = random_batch(CONFIG, 2, CPU)
    model, step = build_videomae(CONFIG, batch)

    loss = step(model, batch, 0, False).loss
    torch.autograd.backward(loss)

    assert loss.shape == ()
    assert loss > 0
    assert sum(p.grad is not None and bool(p.grad.any()) for p in model.parameters()) > 10


def test_why_no_transformers_with_broken_import_is_a_short_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert why_no_transformers() is None
    monkeypatch.setitem(sys.modules, "transformers.models.videomae", None)

    reason = why_no_transformers()

    assert reason is not None
    assert len(reason) < 110
