"""Strict reading: what is missing, left over, misshapen or not plain data is named."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import resolve
from avme.errors import ArtifactError
from avme.models.layers.pos_embed import sine_cosine_table
from avme.weights.load import read_weights

MakeTheirs = Callable[..., Any]
SaveAs = Callable[[nn.Module, str, Path], Path]
Change = Callable[[dict[str, Tensor]], Any]


def change(file: Path, how: Change) -> None:
    """Changes the tensors of a file or folder in place."""
    if file.is_dir():
        tensors = load_file(file / "model.safetensors")
        how(tensors)
        save_file(tensors, file / "model.safetensors")
        return
    content = torch.load(file, weights_only=False)
    how(content.get("model") or content.get("module") or content)
    torch.save(content, file)


def refusal(path: Path, kind: type[Exception] = ArtifactError) -> str:
    with pytest.raises(kind) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("model", "encoder.blocks.1.mlp.fc2.weight"),
        ("module", "decoder.blocks.0.attn.q_bias"),
        ("bare", "encoder.patch_embed.proj.weight"),
        ("_orig_mod", "_orig_mod.encoder.blocks.1.attn.qkv.weight"),
        ("hf q_bias", "videomae.encoder.layer.0.attention.attention.v_bias"),
        ("hf query.bias", "videomae.encoder.layer.1.attention.attention.key.weight"),
    ],
)
def test_read_weights_with_missing_extra_or_misshapen_tensor_names_it(
    spelling: str, name: str, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    theirs, plain = make_theirs(), name.removeprefix("_orig_mod.")
    extra = name.replace(plain.rsplit(".", 1)[0].rsplit(".", 1)[1], "surprise")
    lacking = save_as(theirs, spelling, tmp_path / "lacking")
    change(lacking, lambda tensors: tensors.pop(name))
    holding = save_as(theirs, spelling, tmp_path / "holding")
    change(holding, lambda tensors: tensors.update({extra: torch.zeros(3)}))
    bent = save_as(theirs, spelling, tmp_path / "bent")
    change(bent, lambda tensors: tensors.update({name: tensors[name][1:]}))

    assert plain in refusal(lacking)
    assert extra.removeprefix("_orig_mod.") in refusal(holding)
    if "patch_embed" in name:  # it is what the sizes of all others are told by
        assert "norm1" in refusal(bent) or "patch_embed" in refusal(bent)
    else:
        assert plain in refusal(bent)
        assert "expected (" in refusal(bent)


def test_read_weights_of_half_precision_returns_single(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    file = save_as(make_theirs().half(), "model", tmp_path)

    weights = read_weights(file)

    assert weights.stored_as.keys() == {"float16"}
    assert {tensor.dtype for tensor in weights.tensors.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("value", "found"), [(torch.ones(32).int(), "torch.int32"), (torch.ones(32) / 0, "not finite")]
)
def test_read_weights_with_integer_or_infinite_values_is_refused(
    value: Tensor, found: str, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    file = save_as(make_theirs(), "bare", tmp_path)
    change(file, lambda tensors: tensors.update({"encoder.norm.bias": value}))

    assert f"encoder.norm.bias is {found}, expected finite real numbers" in refusal(file)


def test_read_weights_with_two_spellings_of_a_bias_is_refused(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    file = save_as(make_theirs(), "hf q_bias", tmp_path)
    name = "videomae.encoder.layer.0.attention.attention.query.bias"
    change(file, lambda tensors: tensors.update({name: torch.zeros(32)}))

    assert f"{name} and " in refusal(file)


def test_read_weights_of_huggingface_pickle_equals_safetensors(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    folder = save_as(make_theirs("finetune"), "hf q_bias", tmp_path / "folder")
    tensors = load_file(folder / "model.safetensors")
    expected = read_weights(folder)
    (folder / "model.safetensors").unlink()
    assert "none of model.safetensors, model.safetensors.index.json, pytorch_model.bin" in refusal(
        folder
    )
    torch.save(tensors, folder / "pytorch_model.bin")

    found = read_weights(folder)

    assert all(torch.equal(t, expected.tensors[name]) for name, t in found.tensors.items())
    assert (found.num_classes, found.classes) == (5, ()), "LABEL_0 is the name of no class"


def test_read_weights_of_huggingface_vit_s_corrects_its_heads(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    theirs = make_theirs(
        hidden_size=384, num_attention_heads=16, intermediate_size=64, num_hidden_layers=1
    )

    weights = read_weights(save_as(theirs, "hf q_bias", tmp_path))

    assert weights.leaves["model.visual.heads"] == 6
    assert "16 heads at width 384" in weights.warnings[0]


def test_read_weights_of_own_checkpoint_equals_its_safetensors(
    pretrained_files: list[Path],
) -> None:
    first, *others = [read_weights(file) for file in pretrained_files]

    for other in others:
        assert other.settings() == first.settings()
        assert all(torch.equal(t, first.tensors[name]) for name, t in other.tensors.items())
    assert first.stage == "pretrain"
    assert first.origin()["train_list_sha256"] == "abc"


def test_read_weights_of_pth_with_flipped_bit_is_refused(pretrained_files: list[Path]) -> None:
    path = next(path for path in pretrained_files if path.suffix == ".pt")
    with zipfile.ZipFile(path) as file:
        largest = max(file.infolist(), key=lambda info: info.file_size)
        stored = file.read(largest)
    content = bytearray(path.read_bytes())
    content[content.index(stored) + len(stored) // 2] ^= 0x40
    copy = path.with_name("flipped.pt")
    copy.write_bytes(content)

    with pytest.raises(ArtifactError, match="cannot be read as weights"):
        read_weights(copy)
    copy.unlink()


def test_read_weights_of_own_checkpoint_without_tensor_is_refused(
    pretrained_files: list[Path],
) -> None:
    change(pretrained_files[0], lambda tensors: tensors.pop("audio.null"))

    assert "lacks audio.null" in refusal(pretrained_files[0])


def test_weights_settings_are_accepted_by_both_stages(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    weights = read_weights(save_as(make_theirs(), "hf q_bias", tmp_path))

    base = weights.settings()
    for config in (resolve(PretrainConfig, base=base), resolve(FinetuneConfig, base=base)):
        assert config.model.visual.dim == 32
        assert (config.clip.num_frames, config.clip.image_size) == (4, 16)
        assert config.model.pos_embed_grid == (2, 4, 4)


def test_read_weights_with_impossible_size_names_the_setting(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    folder = save_as(make_theirs(), "hf q_bias", tmp_path / "theirs")
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"num_frames": 2**40}))

    line = refusal(folder)

    assert "num_frames: found 1099511627776, expected less than or equal to 65536" in line
    assert "pydantic" not in line


def test_read_weights_drops_position_table_of_closed_form(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    file = save_as(make_theirs(), "hf q_bias", tmp_path)
    name = "videomae.embeddings.position_embeddings"
    change(file, lambda tensors: tensors.update({name: sine_cosine_table(32, 32)[None]}))

    assert read_weights(file).dropped == (name,)
