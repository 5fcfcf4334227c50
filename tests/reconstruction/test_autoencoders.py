"""Autoencoders of checkpoints, and what a classifier is refused with."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from avme.errors import MismatchError, NonFiniteError
from avme.reconstruction.autoencoders import (
    Autoencoder,
    Setup,
    load_autoencoder,
    load_autoencoders,
    pretraining_of,
)
from avme.reconstruction.clip_inputs import ClipSource

CPU = torch.device("cpu")


@pytest.mark.slow
def test_load_autoencoder_of_a_run_has_its_name_step_and_folder(pretrained: Path) -> None:
    found = load_autoencoder(pretrained, CPU)

    assert (found.name, found.step) == ("pretrain", 8)
    assert found.folder == pretrained / "reconstructions"
    assert found.hears
    assert found.is_normalized
    assert str(found.setup) == "4 frames of 16 x 16 pixels, stride 2, patches of 4 x 4"
    one = load_autoencoder(pretrained / "checkpoints" / "last.pt", CPU)
    assert one.name == "pretrain, last"


@pytest.mark.slow
def test_load_autoencoders_of_one_name_get_numbers(pretrained: Path) -> None:
    found = load_autoencoders([pretrained, pretrained, pretrained], CPU)

    assert [model.name for model in found] == ["pretrain", "pretrain #2", "pretrain #3"]


@pytest.mark.slow
def test_load_autoencoder_of_a_classifier_names_its_pretraining(
    finetuned: Path, pretrained: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        MismatchError, match=r"drops the decoder.*expected pretrain\): give the"
    ) as e:
        load_autoencoder(finetuned, CPU)
    assert str(e.value).startswith(str(finetuned))
    alone = Path(shutil.copy(finetuned / "weights.safetensors", tmp_path))
    with pytest.raises(MismatchError, match=r"started from \(dataset set, step 8\)"):
        load_autoencoder(alone, CPU)


@pytest.mark.slow
def test_pretraining_of_a_classifier_is_found_by_command_or_beside_it(
    finetuned: Path, pretrained: Path, tmp_path: Path
) -> None:
    facts = {"pretrained": {"fingerprint": load_fingerprint(pretrained)}}
    runs = tmp_path / "runs"
    shutil.copytree(pretrained, runs / "earlier")
    classifier = Path(shutil.copytree(finetuned, runs / "later"))

    (classifier / "command.txt").write_text("avme finetune --from elsewhere/earlier --epochs 1\n")
    assert pretraining_of(classifier / "weights.safetensors", facts) == runs / "earlier"
    (classifier / "command.txt").write_text("avme finetune\n")
    assert pretraining_of(classifier / "weights.safetensors", facts) == runs / "earlier"
    shutil.rmtree(runs / "earlier")
    assert pretraining_of(classifier / "weights.safetensors", facts) is None
    assert pretraining_of(classifier / "weights.safetensors", {}) is None


def load_fingerprint(run: Path) -> str:
    from avme.train.run.lookup import dataset_of

    found = dataset_of(run)
    assert found is not None
    return found.fingerprint


def test_predict_of_broken_weights_is_refused(
    make_autoencoder: Callable[..., Autoencoder], noise_clips: Callable[..., ClipSource]
) -> None:
    model = make_autoencoder()
    batch = noise_clips().read(0, model).batch("real")
    torch.nn.init.constant_(model.network.decoder.bridge.weight, float("nan"))
    from avme.models.masking import TubeMask

    with pytest.raises(NonFiniteError, match="prediction is not finite"):
        model.predict(batch, TubeMask(model.setup.grid, 0.5)(torch.tensor([0])))


def test_setup_has_the_grid_of_the_model(make_autoencoder: Callable[..., Autoencoder]) -> None:
    model = make_autoencoder()

    assert model.setup == Setup(4, 2, 32, 2, 8)
    assert model.setup.grid == model.network.grid


def test_described_names_videomae_and_the_fusion(
    make_autoencoder: Callable[..., Autoencoder],
) -> None:
    assert make_autoencoder().described == "video and audio (cross-attention)"
    assert make_autoencoder(fusion="none").described == "video only (VideoMAE)"
