"""Models of the Python API on files, arrays and tensors."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import avme
from avme.errors import MismatchError

pytestmark = pytest.mark.slow

_FRAMES = np.random.default_rng(0).integers(0, 256, (12, 24, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model(finetuned: Path) -> avme.TrainedModel:
    return avme.load(finetuned, device="cpu")


@pytest.fixture(scope="module")
def autoencoder(pretrained: Path) -> avme.TrainedModel:
    return avme.load(pretrained, device="cpu")


def test_predict_of_a_file_by_text_or_path_is_the_same(
    model: avme.TrainedModel, videos: Path
) -> None:
    path = next(videos.rglob("v_Archery_g01_c01.avi"))
    made = model.predict(path)

    assert made.name == str(path)
    np.testing.assert_array_equal(made.probability, model.predict(str(path)).probability)
    assert made.label in model.classes == ("Archery", "Bowling")


def test_predict_of_an_array_and_its_tensor_is_the_same(model: avme.TrainedModel) -> None:
    audio = np.random.default_rng(1).uniform(-0.5, 0.5, 8000)

    made = model.predict(_FRAMES, audio=audio, fps=25.0, topk=1)
    other = model.predict(torch.from_numpy(_FRAMES), audio=torch.from_numpy(audio))

    np.testing.assert_array_equal(made.probability, other.probability)
    assert (made.name, made.audio, len(made.windows[0].top)) == ("array", "audible", 1)
    assert not np.array_equal(made.probability, model.predict(_FRAMES).probability)


def test_embed_has_the_width_of_its_stage(model: avme.TrainedModel) -> None:
    assert model.embed(_FRAMES).shape == (64,)
    assert model.embed(_FRAMES, stage="visual", segments=1).shape == (32,)


def test_reconstruct_of_an_array_has_its_frames(autoencoder: avme.TrainedModel) -> None:
    (panel,) = autoencoder.reconstruct(_FRAMES, seed=3)

    assert panel.truth.shape == (4, 16, 16, 3)
    assert panel.is_hidden.mean() == pytest.approx(0.75)
    np.testing.assert_array_equal(
        panel.models[0].frames[~panel.is_hidden], panel.truth[~panel.is_hidden]
    )


def test_reconstruct_of_a_file_depends_on_the_seed(
    autoencoder: avme.TrainedModel, videos: Path
) -> None:
    path = next(videos.rglob("v_Archery_g01_c01.avi"))
    (first,), (second,) = (autoencoder.reconstruct(path, seed=seed) for seed in (0, 1))

    np.testing.assert_array_equal(first.truth, second.truth)
    assert not np.array_equal(first.is_hidden, second.is_hidden)


def test_reconstruct_of_a_classifier_is_refused(model: avme.TrainedModel) -> None:
    with pytest.raises(MismatchError, match="no decoder"):
        model.reconstruct(_FRAMES)


def test_predict_of_an_autoencoder_is_refused(autoencoder: avme.TrainedModel) -> None:
    with pytest.raises(MismatchError, match="no classes"):
        autoencoder.predict(_FRAMES)


def test_load_of_a_run_without_its_best_epoch_warns(finetuned: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(finetuned, tmp_path / "run")
    (copied / "checkpoints" / "best.pt").unlink()

    with pytest.warns(UserWarning, match=r"best\.pt is missing, so that the last epoch is used"):
        avme.load(copied, device="cpu")


def test_model_describes_itself(model: avme.TrainedModel, autoencoder: avme.TrainedModel) -> None:
    assert "2 classes, on cpu" in repr(model)
    assert "autoencoder" in repr(autoencoder)
    assert model.settings.clip.num_frames == 4
    assert isinstance(model.network, torch.nn.Module)
