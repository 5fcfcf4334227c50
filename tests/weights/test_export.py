"""Exports: the visual tower alone, nothing overwritten, and no form made to say what it cannot."""

import errno
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import VideoMAEForPreTraining

from avme.config import PretrainConfig
from avme.errors import MismatchError, UsageError
from avme.weights.export import write_weights
from avme.weights.key_mapping import Form
from avme.weights.load import read_weights
from avme.weights.settings import settings_of

MakeTheirs = Callable[..., Any]
SaveAs = Callable[[nn.Module, str, Path], Path]


def test_write_weights_to_official_drops_audio_and_fusion(
    tmp_path: Path, pretrained_files: list[Path]
) -> None:
    weights = read_weights(pretrained_files[0])

    tally = write_weights(weights, tmp_path / "out.pth", "official")

    assert {name.split(".")[0] for name in tally.dropped} == {"audio", "fusion"}
    assert "its audio half was dropped" in tally.warnings[-1]
    names = torch.load(tmp_path / "out.pth", weights_only=True)["model"]
    assert names["encoder_to_decoder.weight"].shape == (16, 32)
    assert names["encoder.patch_embed.proj.weight"].shape == (32, 3, 2, 4, 4)
    again = read_weights(tmp_path / "out.pth")
    assert again.leaves["model.visual.heads"] == 4
    assert again.grid == weights.grid == (2, 4, 4)


def test_write_weights_to_avme_keeps_everything(
    tmp_path: Path, pretrained_files: list[Path]
) -> None:
    weights = read_weights(pretrained_files[0])

    write_weights(weights, tmp_path / "out.safetensors", "avme")

    again = read_weights(tmp_path / "out.safetensors")
    assert again.config == weights.config
    assert again.facts["train_list_sha256"] == "abc"
    assert again.tensors.keys() == weights.tensors.keys()


@pytest.mark.parametrize(("form", "name"), [("official", "out.pth"), ("huggingface", "out")])
def test_write_weights_keeps_stride_in_every_form(
    form: Form, name: str, tmp_path: Path, pretrained_files: list[Path]
) -> None:
    write_weights(read_weights(pretrained_files[0]), tmp_path / name, form)

    again = read_weights(tmp_path / name)

    assert again.stride == 2
    assert again.settings()["clip"] == {"num_frames": 4, "image_size": 16, "frame_stride": 2}
    assert settings_of(again).clip.frame_stride == 2
    if form == "huggingface":
        VideoMAEForPreTraining.from_pretrained(tmp_path / name)


def test_write_weights_to_huggingface_stores_the_target(
    tmp_path: Path, pretrained_files: list[Path]
) -> None:
    weights = read_weights(pretrained_files[0])
    settings = weights.config | {"loss": {"target": "pixel", "tokens": "masked"}}

    write_weights(replace(weights, config=settings), tmp_path / "folder", "huggingface")
    write_weights(read_weights(tmp_path / "folder"), tmp_path / "out.safetensors", "avme")

    said = json.loads((tmp_path / "folder" / "config.json").read_text())
    assert said["norm_pix_loss"] is False
    back = PretrainConfig.model_validate(read_weights(tmp_path / "out.safetensors").config)
    assert back.loss.target == "pixel"


@pytest.mark.parametrize(
    ("name", "form", "line"),
    [
        ("there", "huggingface", "exists already"),
        ("link", "huggingface", "exists already"),
        ("link.pth", "official", "exists already"),
        ("new.bin", "official", "--to official writes a name that ends in .pth"),
        ("new.pth", "huggingface", "--to huggingface writes a folder"),
        ("new.pt", "avme", "--to avme writes a name that ends in .safetensors"),
    ],
)
def test_write_weights_to_unsuitable_path_is_refused(
    name: str, form: Form, line: str, tmp_path: Path, pretrained_files: list[Path]
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "link.pth").symlink_to("nowhere.pth")

    with pytest.raises(UsageError, match=line):
        write_weights(read_weights(pretrained_files[0]), tmp_path / name, form)
    assert not (tmp_path / name).is_file()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("form", "name", "file"),
    [
        ("official", "new.pth", "new.pth"),
        ("huggingface", "new", "new/model.safetensors"),
        ("avme", "new.safetensors", "new.safetensors"),
    ],
)
def test_write_weights_on_full_disk_leaves_nothing(
    form: Form,
    name: str,
    file: str,
    tmp_path: Path,
    pretrained_files: list[Path],
    no_file_larger_than: Callable[[int], AbstractContextManager[None]],
) -> None:
    weights, folder = read_weights(pretrained_files[0]), tmp_path / "out"

    with no_file_larger_than(20_000), pytest.raises(OSError, match=name) as caught:
        write_weights(weights, folder / name, form)

    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(folder / file))
    assert list(folder.iterdir()) == []


def test_write_weights_of_inexpressible_settings_is_refused(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    weights = read_weights(save_as(make_theirs("finetune"), "hf q_bias", tmp_path / "a"))
    headless = read_weights(save_as(make_theirs("finetune"), "model", tmp_path / "b"))

    for changed, line in (
        (replace(weights, window=(8, 16)), "stretches the positions"),
        (replace(weights, modality="av"), "classifier of modality av"),
        (replace(weights, pool="max"), "pool max"),
        (headless, "number of attention heads"),
        (
            replace(weights, leaves=weights.leaves | {"model.visual.embed": "conv"}),
            r"model\.visual\.embed conv: .* choose --to avme",
        ),
        (
            replace(weights, leaves=weights.leaves | {"model.visual.positions": "separable"}),
            r"model\.visual\.positions separable: .* flat positions alone: choose --to avme",
        ),
    ):
        with pytest.raises(MismatchError, match=line):
            write_weights(changed, tmp_path / "out", "huggingface")
