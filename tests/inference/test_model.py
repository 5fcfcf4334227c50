"""Loading of models for inference, from runs, checkpoints and exported weights."""

from pathlib import Path

import pytest
import torch

from avme.checkpoint.file import load_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import ArtifactError, SystemRequirementError
from avme.inference.model import load_model

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["", "checkpoints/best.pt", "weights.safetensors"])
def test_load_model_has_all_that_the_checkpoint_has(finetuned: Path, name: str) -> None:
    stored = load_checkpoint(finetuned / "checkpoints" / "best.pt")
    model = load_model(finetuned / name, device="cpu")

    assert model.classes == tuple(stored.facts["classes"]) == ("Archery", "Bowling")
    assert model.statistics == stored.facts["mfcc"]
    assert isinstance(model.settings, FinetuneConfig)
    assert (model.settings.clip.num_frames, model.precision) == (4, torch.float32)
    assert not model.network.training
    for key, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, stored.model[key])


def test_load_model_of_a_pretraining_has_no_classes(pretrained: Path) -> None:
    model = load_model(str(pretrained))

    assert isinstance(model.settings, PretrainConfig)
    assert model.classes == ()
    assert len(model.statistics["mean"]) == 13


def test_model_windows_are_those_of_its_settings(finetuned: Path, videos: Path) -> None:
    windows = load_model(finetuned, device="cpu").windows(next(videos.rglob("*_c01.avi")))

    window = next(iter(windows))
    assert window.frames.shape == (4, 16, 16, 3)
    assert window.mfcc.shape == (32, 13)


def test_load_model_of_nothing_is_an_artifact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        load_model(tmp_path / "missing.pt")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine with a GPU has the device")
def test_load_model_without_the_device_names_it(finetuned: Path) -> None:
    with pytest.raises(SystemRequirementError, match="no CUDA device"):
        load_model(finetuned, device="cuda")
