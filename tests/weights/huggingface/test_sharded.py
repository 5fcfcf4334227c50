"""Sharded folders: as save_pretrained writes them, and nothing that lies elsewhere."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from avme.errors import ArtifactError
from avme.weights.load import read_weights

MakeTheirs = Callable[..., Any]


@pytest.fixture(scope="module")
def saved(make_theirs: MakeTheirs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier in one file and in several shards."""
    root, model = tmp_path_factory.mktemp("saved"), make_theirs("finetune")
    model.save_pretrained(root / "whole")
    model.save_pretrained(root / "cut", max_shard_size="30KB")
    return root


@pytest.fixture
def cut(saved: Path, tmp_path: Path) -> Path:
    """A copy of the shards that a test may change."""
    return Path(shutil.copytree(saved / "cut", tmp_path / "cut"))


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rename_in_index(folder: Path, old: str, new: str) -> None:
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace(old, new))


def test_read_shards_equals_the_single_file(saved: Path) -> None:
    whole = read_weights(saved / "whole")
    for path in (saved / "cut", saved / "cut" / "model.safetensors.index.json"):
        found = read_weights(path)

        assert len(found.parts) > 2
        assert found.tensors.keys() == whole.tensors.keys()
        assert all(torch.equal(t, whole.tensors[name]) for name, t in found.tensors.items())
        assert found.leaves == whole.leaves
    assert found.origin()["sha256"] != whole.origin()["sha256"]
    assert found.sha256() == read_weights(saved / "cut").sha256()


def test_pickled_shards_are_read_too(saved: Path, cut: Path) -> None:
    index = json.loads((cut / "model.safetensors.index.json").read_text())
    for file in cut.glob("*.safetensors"):
        torch.save(load_file(file), file.with_suffix(".bin"))
        file.unlink()
    where = {
        name: file.replace(".safetensors", ".bin") for name, file in index["weight_map"].items()
    }
    (cut / "model.safetensors.index.json").unlink()
    (cut / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": where}))

    assert read_weights(cut).tensors.keys() == read_weights(saved / "whole").tensors.keys()


def test_read_shards_of_linked_cache_folder_reads_it(
    saved: Path, cut: Path, tmp_path: Path
) -> None:
    (tmp_path / "blobs").mkdir()
    for number, file in enumerate(sorted(cut.iterdir())):
        file.rename(tmp_path / "blobs" / str(number))
        file.symlink_to(f"../blobs/{number}")

    assert read_weights(cut).tensors.keys() == read_weights(saved / "whole").tensors.keys()


@pytest.mark.parametrize("prefix", ["../", "/etc/", "sub/", "..\\", "C:\\"])
def test_read_shards_outside_of_the_folder_is_refused(prefix: str, cut: Path) -> None:
    for folder in (cut.parent, cut / "sub"):
        folder.mkdir(exist_ok=True)
        for file in cut.glob("*.safetensors"):
            shutil.copy(file, folder)
    rename_in_index(cut, "model-00002", json.dumps(f"{prefix}model-00002")[1:-1])

    assert "expected a file beside it: no shard may be in another folder" in refusal(cut)


def test_index_and_shards_must_agree(cut: Path) -> None:
    second = next(cut.glob("model-00002*"))
    tensors = load_file(second)
    name = sorted(tensors)[0]

    save_file({n: t for n, t in tensors.items() if n != name}, second)
    assert f"{second} lacks {name} (1 tensors)" in refusal(cut)
    save_file(tensors | {"a": torch.ones(1)}, second)
    assert f"{second} also holds a (1 tensors)" in refusal(cut)
    assert "is one shard of several: give the folder" in refusal(second)
    second.unlink()
    assert f"{second} does not exist, which model.safetensors.index.json names" in refusal(cut)
    (cut / "model.safetensors.index.json").write_text("{}")
    assert "has no weight_map" in refusal(cut)
