"""A trained model as safetensors: all that is known of it is in the file."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from avme.checkpoint.file import load_checkpoint
from avme.errors import ArtifactError
from avme.weights.load import read_weights
from avme.weights.trained_model import load_trained, write_trained


def test_load_trained_of_safetensors_equals_the_checkpoint(pretrained_files: list[Path]) -> None:
    checkpoint, weights = pretrained_files

    expected, found = load_checkpoint(checkpoint), load_trained(weights)

    assert (found.stage, found.step) == ("pretrain", 3)
    assert (found.config, found.facts) == (expected.config, expected.facts)
    assert all(torch.equal(found.model[name], t) for name, t in expected.model.items())
    assert load_trained(checkpoint).facts == expected.facts
    assert read_weights(weights).origin()["step"] == 3


def test_people_read_step_epoch_and_top1_in_the_metadata(
    tmp_path: Path, pretrained_files: list[Path]
) -> None:
    checkpoint = load_checkpoint(pretrained_files[0])
    checkpoint.best.update(top1=0.875, epoch=2.0)

    write_trained(tmp_path / "w.safetensors", checkpoint, epoch=2)

    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert {key: metadata[key] for key in ("format", "step", "epoch", "top1")} == {
        "format": "pt",
        "step": "3",
        "epoch": "2",
        "top1": "0.875",
    }
    assert load_trained(tmp_path / "w.safetensors").best == {"top1": 0.875, "epoch": 2.0}


def test_safetensors_of_others_are_refused(tmp_path: Path) -> None:
    save_file({"patch_embed.proj.weight": torch.ones(2)}, tmp_path / "other.safetensors")

    with pytest.raises(ArtifactError, match=r"was not written by `avme pretrain`.*--init"):
        load_trained(tmp_path / "other.safetensors")
