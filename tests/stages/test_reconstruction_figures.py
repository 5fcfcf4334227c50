"""Pictures on the board while a run trains, and a run that does not feel them."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from avme.config import PretrainConfig
from avme.errors import SystemRequirementError
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain
from avme.stages.reconstruction_figures import NAME

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., PretrainConfig]


def test_reconstruct_each_epoch_shows_the_same_clips_at_intervals_and_the_end(
    finished: PreparedDataset, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_pretrain_config(epochs=5, log_images_every_epochs=2)

    run = pretrain(config, data=finished.folder, out=tmp_path / "run")

    images = EventAccumulator(str(run / "tb")).Reload().Images(NAME)
    assert [image.step for image in images] == [4, 8, 10]  # two steps an epoch
    first, *_, last = (imread(io.BytesIO(image.encoded_image_string)) for image in images)
    assert first.shape == last.shape
    third, below = first.shape[1] // 3, 80  # the title has the step, its row the truth
    assert np.array_equal(first[below:, :third], last[below:, :third])  # the truth
    assert not np.array_equal(first[:, 2 * third :], last[:, 2 * third :])  # what was learnt


def test_reconstruct_each_epoch_with_failing_figure_continues_training(
    finished: PreparedDataset,
    make_pretrain_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such glyph")

    monkeypatch.setattr("avme.stages.reconstruction_figures.paint_reconstruction", fail)
    config = make_pretrain_config(log_images_every_epochs=1)

    run = pretrain(config, data=finished.folder, out=tmp_path / "run")

    assert "reconstruction at step 2 was not drawn (ValueError: no such" in (
        (run / "train.log").read_text()
    )
    assert (run / "weights.safetensors").is_file()


def test_reconstruct_each_epoch_leaves_training_unchanged(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_pretrain_config(log_images_every_epochs=1)

    run = pretrain(config, data=finished.folder, out=tmp_path / "run", preset="tiny")

    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (run, pretrained))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_wandb_without_package_stops_before_writing(
    finished: PreparedDataset,
    make_pretrain_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)

    with pytest.raises(SystemRequirementError, match=r"pip install"):
        pretrain(make_pretrain_config(wandb="x"), data=finished.folder, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
