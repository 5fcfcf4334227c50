"""Networks of pretraining and fine-tuning runs, and the stages that they have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from avme.config import FinetuneConfig
from avme.errors import ArtifactError, MismatchError
from avme.features.network import load_network
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.shards.dataset import PreparedDataset
from avme.stages.finetune import finetune

pytestmark = pytest.mark.slow


def test_network_of_a_pretraining_has_its_weights(pretrained: Path) -> None:
    network = load_network(pretrained)

    stored = load_file(pretrained / "weights.safetensors")
    assert isinstance(network.model, MaskedAutoencoder)
    assert all(torch.equal(stored[name], own) for name, own in network.model.state_dict().items())
    assert network.slots == network.model.grid.slots == 2
    assert network.choose_stage(None) == "fused"
    assert network.choose_stage("audio") == "audio"


def test_network_of_a_classifier_is_that_of_its_best_epoch(finetuned: Path) -> None:
    network = load_network(finetuned)

    assert isinstance(network.model, Classifier)
    assert network.weights.file.name == "best.pt"
    assert network.choose_stage(None) == "fused"


def test_stage_that_a_classifier_lacks_is_one_line(
    finished: PreparedDataset,
    pretrained: Path,
    make_finetune_config: Callable[..., FinetuneConfig],
    tmp_path: Path,
) -> None:
    config = make_finetune_config(modality="v")
    one: dict[str, Any] = {"train": config.train.model_copy(update={"epochs": 1})}
    run = finetune(
        config.model_copy(update=one), data=finished.folder, out=tmp_path / "run", init=pretrained
    )

    network = load_network(run)

    assert network.choose_stage(None) == "visual"
    with pytest.raises(
        MismatchError, match=r"has no stage audio \(it has visual\): choose --stage"
    ):
        network.choose_stage("audio")


def test_network_without_weights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        load_network(tmp_path / "none.pt")
