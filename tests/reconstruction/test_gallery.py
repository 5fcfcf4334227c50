"""From a pretrain checkpoint to the figure."""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from avme.checkpoint.file import Checkpoint, save_checkpoint
from avme.config import PretrainConfig
from avme.config.presets import preset
from avme.config.resolve import resolve
from avme.errors import MismatchError
from avme.models.autoencoder import MaskedAutoencoder
from avme.reconstruction.gallery import choose_clips, draw_reconstructions
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

CONFIG = resolve(
    PretrainConfig,
    preset=preset("pretrain", "tiny"),
    sets=["clip.num_frames=4", "clip.frame_stride=2", "clip.image_size=32", "mask.ratio=0.5"],
)


def save(path: Path, stage: str) -> Path:
    torch.manual_seed(0)
    model = MaskedAutoencoder(CONFIG.model, CONFIG.clip)
    checkpoint = Checkpoint(
        stage=stage,
        config=CONFIG.model_dump(mode="json"),
        facts={"mfcc": {"mean": 13 * [0.0], "deviation": 13 * [1.0]}},
        step=1,
        model=model.state_dict(),
    )
    save_checkpoint(path, checkpoint)
    return path


def test_draw_reconstructions_is_determined_by_the_seed(
    tmp_path: Path, finished: PreparedDataset
) -> None:
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


def test_draw_reconstructions_of_classifier_is_refused(
    tmp_path: Path, finished: PreparedDataset
) -> None:
    checkpoint = save(tmp_path / "a.pt", "finetune")

    with pytest.raises(MismatchError, match="has no decoder: give a pretrain run"):
        draw_reconstructions(checkpoint, finished.folder, tmp_path / "a.png")
