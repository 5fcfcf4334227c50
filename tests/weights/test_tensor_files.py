"""Safetensors with the umask's mode, errors of the disk as such, and pickles without code."""

import errno
import os
import stat
import sys
import types
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from avme.errors import ArtifactError
from avme.weights.tensor_files import (
    find_deepspeed_file,
    read_pickle,
    read_safetensors,
    write_pickle,
    write_safetensors,
)

Limit = Callable[[int], AbstractContextManager[None]]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_write_safetensors_uses_the_mode_of_the_umask(
    umask: int, mode: int, tmp_path: Path
) -> None:
    before = os.umask(umask)
    try:
        write_safetensors(tmp_path / "a.safetensors", {"x": torch.ones(3)}, {"note": "n"})
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == mode
    assert os.listdir(tmp_path) == ["a.safetensors"]
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert file.metadata().items() >= {"format": "pt", "note": "n"}.items()
    assert torch.equal(read_safetensors(tmp_path / "a.safetensors")[0]["x"], torch.ones(3))


def test_write_safetensors_on_full_disk_is_a_system_error(
    tmp_path: Path, no_file_larger_than: Limit
) -> None:
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"x": torch.ones(3)}, {})
    before = path.read_bytes()

    with no_file_larger_than(1000), pytest.raises(OSError, match=r"os error") as caught:
        write_safetensors(path, {"x": torch.ones(3000)}, {})

    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.safetensors"]


class AttributeDict(OrderedDict[str, float]):
    """As Lightning keeps hyper-parameters."""


def test_lightnings_settings_are_read_as_plain_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("lightning.fabric.utilities.data")
    monkeypatch.setattr(module, "AttributeDict", AttributeDict, raising=False)
    monkeypatch.setattr(AttributeDict, "__module__", module.__name__)
    content = {"state_dict": {"x": torch.ones(2)}, "hyper_parameters": AttributeDict(lr=0.1)}
    with monkeypatch.context() as patch:
        for parent in ("lightning", "lightning.fabric", "lightning.fabric.utilities"):
            patch.setitem(sys.modules, parent, types.ModuleType(parent))
        patch.setitem(sys.modules, module.__name__, module)
        torch.save(content, tmp_path / "light.ckpt")

    found = read_pickle(tmp_path / "light.ckpt")

    assert type(found["hyper_parameters"]) is OrderedDict
    assert torch.equal(found["state_dict"]["x"], torch.ones(2))


def test_read_pickle_with_other_classes_names_them(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(2), "path": tmp_path}, tmp_path / "a.pt")

    with pytest.raises(ArtifactError, match=r"holds pathlib\.\S+, which is code and not weights"):
        read_pickle(tmp_path / "a.pt")


def test_read_pickle_of_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("clip:\n  size: 224\n")

    with pytest.raises(ArtifactError, match=r"yaml cannot be read as weights .*: is it whole"):
        read_pickle(tmp_path / "config.yaml")


def test_write_pickle_on_full_disk_is_a_system_error(
    tmp_path: Path, no_file_larger_than: Limit
) -> None:
    path = tmp_path / "a.pth"

    with no_file_larger_than(1000), pytest.raises(OSError, match="too large") as caught:
        write_pickle(path, {"x": torch.ones(3000)})

    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert list(tmp_path.iterdir()) == []
    write_pickle(path, {"x": torch.ones(3)})
    assert torch.equal(read_pickle(path)["x"], torch.ones(3))


def test_find_deepspeed_file_follows_latest_to_the_newest_folder(tmp_path: Path) -> None:
    for name in ("step1", "step2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mp_rank_00_model_states.pt").touch()
    (tmp_path / "latest").write_text("step2\n")

    assert find_deepspeed_file(tmp_path) == tmp_path / "step2" / "mp_rank_00_model_states.pt"
    assert find_deepspeed_file(tmp_path / "step1") == (
        tmp_path / "step1" / "mp_rank_00_model_states.pt"
    )


def test_find_deepspeed_file_in_another_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "latest").write_text("../elsewhere")

    assert find_deepspeed_file(tmp_path) is None
