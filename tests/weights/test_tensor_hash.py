"""A damaged file of weights is refused, whatever bit of it flips; files of others are taken."""

import hashlib
import json
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import VideoMAEForVideoClassification

from avme.errors import ArtifactError
from avme.weights.export import write_weights
from avme.weights.inspect_file import describe_weights
from avme.weights.load import read_weights
from avme.weights.tensor_files import CHECKSUM, read_safetensors, write_safetensors
from avme.weights.trained_model import load_trained

FLIPS = 400
NOTE = '{"config": {"heads": 2}}'


def some_tensors() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {
        "b": torch.randn(3, 4),
        "a": torch.randn(5).to(torch.bfloat16),
        "count": torch.tensor(7),
        "none": torch.zeros(0, 2),
    }


@pytest.mark.slow
def test_read_weights_with_flipped_bit_is_refused_or_unchanged(tmp_path: Path) -> None:
    path, tensors = tmp_path / "w.safetensors", some_tensors()
    write_safetensors(path, tensors, {"avme": NOTE, "step": "7"})
    whole, draw = path.read_bytes(), random.Random(0)
    refused = 0

    for index in [*range(len(whole) - 60, len(whole)), *draw.choices(range(len(whole)), k=FLIPS)]:
        flipped = bytearray(whole)
        flipped[index] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        try:
            found, metadata = read_safetensors(path)
        except ArtifactError:
            refused += 1
            continue
        if "avme" in metadata:  # else it is no file of ours any more
            assert metadata["avme"] == NOTE
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())

    assert refused > FLIPS / 2


def test_content_sha256_equals_its_definition(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "w.safetensors", some_tensors(), {"avme": NOTE})

    heads = [
        ["a", "torch.bfloat16", [5]],
        ["b", "torch.float32", [3, 4]],
        ["count", "torch.int64", []],
        ["none", "torch.float32", [0, 2]],
    ]
    head = json.dumps([NOTE, heads], separators=(",", ":")).encode()
    tensors = some_tensors()
    expected = hashlib.sha256(
        struct.pack("<Q", len(head))
        + head
        + (tensors["a"].float().numpy().view(np.uint32) >> 16).astype("<u2").tobytes()
        + tensors["b"].numpy().tobytes()
        + struct.pack("<q", 7)
    )
    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        assert file.metadata()[CHECKSUM] == expected.hexdigest()


def test_write_safetensors_of_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    metadata = {"avme": NOTE, "step": "7", "epoch": "2", "top1": "0.5", "name": 'ä "quoted"\n'}
    written = []
    for number in range(8):
        path = tmp_path / f"{number}.safetensors"
        write_safetensors(path, some_tensors(), dict(sorted(metadata.items(), reverse=number > 3)))
        written.append(path.read_bytes())

    assert len(set(written)) == 1
    assert all(torch.equal(t, some_tensors()[n]) for n, t in load_file(path).items())
    with safe_open(path, framework="pt") as file:
        assert {key: file.metadata()[key] for key in metadata} == metadata


def test_edited_settings_in_a_file_are_refused_by_every_reader(
    tmp_path: Path, pretrained_files: list[Path]
) -> None:
    path = pretrained_files[1]
    content = path.read_bytes()
    assert dict(describe_weights(read_weights(path)))["checksum inside"].startswith("SHA-256")
    assert b'\\"heads\\": 4' in content
    path.write_bytes(content.replace(b'\\"heads\\": 4', b'\\"heads\\": 2'))

    for read in (read_weights, load_trained):
        with pytest.raises(ArtifactError, match="is damaged: its tensors and settings have"):
            read(path)


def test_read_weights_of_avme_file_without_checksum_or_format_is_refused(
    tmp_path: Path, pretrained_files: list[Path]
) -> None:
    with safe_open(pretrained_files[1], framework="pt") as file:
        metadata = dict(file.metadata())
    note = json.loads(metadata["avme"])
    tensors = load_file(pretrained_files[1])
    path = tmp_path / "w.safetensors"

    save_file(tensors, path, {key: v for key, v in metadata.items() if key != CHECKSUM})
    with pytest.raises(ArtifactError, match="its checksum is missing"):
        read_weights(path)
    for found in (2, None):
        write_safetensors(path, tensors, {"avme": json.dumps(note | {"format": found})})
        with pytest.raises(ArtifactError, match=rf"\(got format {found}, expected 3\)"):
            read_weights(path)


def test_read_weights_of_another_tool_needs_no_checksum(
    tmp_path: Path, make_theirs: Callable[..., Any]
) -> None:
    make_theirs().save_pretrained(tmp_path / "theirs")

    assert dict(describe_weights(read_weights(tmp_path / "theirs")))["checksum inside"] == "none"


def test_exported_folder_is_checked_until_transformers_saves_it_again(
    tmp_path: Path, make_theirs: Callable[..., Any]
) -> None:
    make_theirs("finetune").save_pretrained(tmp_path / "theirs")
    weights = replace(read_weights(tmp_path / "theirs"), classes=("a", "b", "c", "d", "e"))
    folder = tmp_path / "exported"
    write_weights(weights, folder, "huggingface")
    config = json.loads((folder / "config.json").read_text())

    (folder / "config.json").write_text(json.dumps(config, indent=None))  # the same values
    assert read_weights(folder).classes == weights.classes
    saved = VideoMAEForVideoClassification.from_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config | {"num_attention_heads": 2}))
    with pytest.raises(ArtifactError, match=r"config\.json is not the one that model\.safetensors"):
        read_weights(folder)

    saved.config.id2label = dict(enumerate("vwxyz"))
    saved.save_pretrained(folder)
    assert read_weights(folder).classes == tuple("vwxyz")
