"""Images of reconstructions by models whose predictions are known."""

import pytest
import torch
from torch import Tensor

from avme.batch import AVBatch
from avme.config import PretrainConfig
from avme.config.presets import preset
from avme.config.resolve import resolve
from avme.models.autoencoder import MaskedAutoencoder, reconstruct
from avme.models.masking import TokenMask, TubeMask
from avme.models.tubelets import to_tubelets

pytestmark = pytest.mark.slow

CONFIG = resolve(
    PretrainConfig,
    preset=preset("pretrain", "tiny"),
    sets=["clip.num_frames=4", "clip.frame_stride=2", "clip.image_size=32", "mask.ratio=0.5"],
)


def model_that_predicts(value: float) -> MaskedAutoencoder:
    torch.manual_seed(0)
    model = MaskedAutoencoder(CONFIG.model, CONFIG.clip).eval()
    torch.nn.init.zeros_(model.decoder.head.weight)
    torch.nn.init.constant_(model.decoder.head.bias, value)
    return model


def batch_of(count: int) -> AVBatch:
    draw = torch.Generator().manual_seed(0)
    rows = CONFIG.clip.span_rows
    return AVBatch(
        video=torch.randint(256, (count, 3, 4, 32, 32), generator=draw, dtype=torch.uint8),
        mfcc=torch.zeros(count, rows, 13),
        audio_valid=torch.zeros(count, rows, dtype=torch.bool),
        label=torch.zeros(count, dtype=torch.int64),
        clip=torch.arange(count),
        seed=torch.zeros(count, dtype=torch.int64),
    )


def choice_for(model: MaskedAutoencoder, count: int) -> TokenMask:
    return TubeMask(model.grid, CONFIG.mask.ratio)(torch.arange(count))


def tokens(clips: Tensor, index: Tensor) -> Tensor:
    cut = to_tubelets((255 * clips).round().to(torch.uint8), 2, 8)
    return torch.stack([clip[rows] for clip, rows in zip(cut, index, strict=True)])


def test_reconstruct_keeps_visible_patches_and_fills_masked_ones_as_predicted() -> None:
    model, batch = model_that_predicts(0.2), batch_of(2)
    choice = choice_for(model, 2)

    made = reconstruct(model, batch, choice, "pixel")

    assert torch.equal((255 * made.truth).round().to(torch.uint8), batch.video)
    assert torch.equal(tokens(made.completed, choice.keep), tokens(made.truth, choice.keep))
    assert torch.equal(tokens(made.seen, choice.keep), tokens(made.truth, choice.keep))
    for version, value in ((made.completed, 0.2), (made.seen, 0.5)):
        hidden = tokens(version, choice.hide)
        assert torch.allclose(hidden, torch.full_like(hidden, value), atol=0.003)


def test_reconstruct_psnr_is_over_the_masked_patches_of_each_clip() -> None:
    model, batch = model_that_predicts(0.2), batch_of(2)

    made = reconstruct(model, batch, choice_for(model, 2), "pixel")

    hidden = 0.5  # the ratio of the mask: seen patches have no error
    error = (made.truth - made.completed).square().mean(dim=(1, 2, 3, 4)) / hidden
    assert made.psnr_db == pytest.approx((-10 * error.log10()).tolist(), abs=1e-3)


def test_reconstruct_of_normalized_zeros_shows_the_mean_of_every_masked_patch() -> None:
    model, batch = model_that_predicts(0.0), batch_of(1)
    choice = choice_for(model, 1)

    made = reconstruct(model, batch, choice, "normalized")

    truth = tokens(made.truth, choice.hide).reshape(-1, 128, 3)
    shown = tokens(made.completed, choice.hide).reshape(-1, 128, 3)
    assert torch.allclose(shown, truth.mean(dim=1, keepdim=True).expand_as(truth), atol=0.003)
