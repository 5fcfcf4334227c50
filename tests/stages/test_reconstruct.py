"""From a pretrain checkpoint to the picture, with models whose predictions are known."""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from avme.batch import AVBatch
from avme.checkpoint.file import Checkpoint, save_checkpoint
from avme.config import PretrainConfig
from avme.config.presets import preset
from avme.config.resolve import resolve
from avme.errors import MismatchError
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.masking import TokenMask, TubeMask
from avme.models.tubelets import to_tubelets
from avme.shards.dataset import PreparedDataset
from avme.stages.reconstruct import choose_clips, complete, draw_reconstructions

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


def save(path: Path, stage: str) -> Path:
    model = model_that_predicts(0.2)
    checkpoint = Checkpoint(
        stage=stage,
        config=CONFIG.model_dump(mode="json"),
        facts={"mfcc": {"mean": 13 * [0.0], "deviation": 13 * [1.0]}},
        step=1,
        model=model.state_dict(),
    )
    save_checkpoint(path, checkpoint)
    return path


def test_seen_patches_stay_and_hidden_ones_are_what_the_model_predicts() -> None:
    model, batch = model_that_predicts(0.2), batch_of(2)
    choice = choice_for(model, 2)

    made = complete(model, batch, choice, "pixel")

    assert torch.equal((255 * made.truth).round().to(torch.uint8), batch.video)
    assert torch.equal(tokens(made.completed, choice.keep), tokens(made.truth, choice.keep))
    assert torch.equal(tokens(made.seen, choice.keep), tokens(made.truth, choice.keep))
    for version, value in ((made.completed, 0.2), (made.seen, 0.5)):
        hidden = tokens(version, choice.hide)
        assert torch.allclose(hidden, torch.full_like(hidden, value), atol=0.003)


def test_psnr_is_over_the_hidden_patches_of_each_clip() -> None:
    model, batch = model_that_predicts(0.2), batch_of(2)

    made = complete(model, batch, choice_for(model, 2), "pixel")

    hidden = 0.5  # the ratio of the mask: seen patches have no error
    error = (made.truth - made.completed).square().mean(dim=(1, 2, 3, 4)) / hidden
    assert made.psnr_db == pytest.approx((-10 * error.log10()).tolist(), abs=1e-3)


def test_a_normalized_prediction_of_nothing_shows_the_mean_of_every_hidden_patch() -> None:
    model, batch = model_that_predicts(0.0), batch_of(1)
    choice = choice_for(model, 1)

    made = complete(model, batch, choice, "normalized")

    truth = tokens(made.truth, choice.hide).reshape(-1, 128, 3)
    shown = tokens(made.completed, choice.hide).reshape(-1, 128, 3)
    assert torch.allclose(shown, truth.mean(dim=1, keepdim=True).expand_as(truth), atol=0.003)


def test_a_seed_decides_the_picture(tmp_path: Path, finished: PreparedDataset) -> None:
    checkpoint = save(tmp_path / "a.pt", "pretrain")

    drawn = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}.png"
        draw_reconstructions(checkpoint, finished.folder, path, clips=2, frames=2, seed=seed)
        drawn.append(path.read_bytes())

    assert drawn[0] == drawn[1] != drawn[2]
    with Image.open(tmp_path / "0.png") as image:
        title = image.info["Title"]
    first, second = title.splitlines()
    assert re.fullmatch(r"set, split 1, test: PSNR \d+\.\d dB, mean of n = 2 of 4 clips", first)
    assert second == f"{tmp_path.name} at step 1"


def test_clips_of_as_many_classes_as_possible_are_chosen(finished: PreparedDataset) -> None:
    entries = finished.subset("1", "train")

    chosen = [choose_clips(entries, count, seed=0) for count in (2, 100)]

    assert [entry.class_name for entry in chosen[0]] == ["Archery", "Bowling"]
    assert chosen[1] == entries


def test_a_classifier_cannot_reconstruct(tmp_path: Path, finished: PreparedDataset) -> None:
    checkpoint = save(tmp_path / "a.pt", "finetune")

    with pytest.raises(MismatchError, match="has no decoder: give a pretrain run"):
        draw_reconstructions(checkpoint, finished.folder, tmp_path / "a.png")
