"""Files that are broken, strange or hostile end in one line, and nothing in them is run."""

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from avme.errors import ArtifactError, AvmeError
from avme.weights.files import read_file
from avme.weights.read import read_weights

MakeTheirs = Callable[..., Any]
SaveAs = Callable[[nn.Module, str, Path], Path]


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_file(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Surprise:
    """Unpickling it would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_what_a_file_says_is_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"model": {}, "args": Surprise(trace)}, tmp_path / "new.pth")
    torch.save(
        {"model": {}, "args": Surprise(trace)},
        tmp_path / "old.pth",
        _use_new_zipfile_serialization=False,
    )
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Surprise(trace)))

    for name in ("new.pth", "old.pth"):
        assert "which is code and not weights" in refusal(tmp_path / name)
    assert "cannot be read as weights" in refusal(tmp_path / "plain.pth")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ([1, 2], "holds list, expected named tensors"),
        ({"model": {}}, "has no named tensors at its top, nor under `model` or `module`"),
        ({"state": {"a": torch.zeros(1)}}, "found state"),
        ({"a": torch.zeros(1)}, "holds no VideoMAE: expected names such as encoder.patch_embed"),
        ({"model": {"a": torch.ones(1)}, "module": {"a": torch.ones(1)}}, "both `model` and"),
    ],
)
def test_other_files_are_refused_with_what_was_found(
    content: Any, line: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "file.pth")

    assert line in refusal(tmp_path / "file.pth")


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors", "empty.pt", "gone.pth"])
def test_broken_and_missing_files_are_named(
    name: str, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    whole = save_as(make_theirs(), "model", tmp_path).read_bytes()
    if name != "gone.pth":
        (tmp_path / name).write_bytes(whole[: len(whole) // 2] if "broken" in name else b"")

    assert name in refusal(tmp_path / name)


@pytest.mark.parametrize("zipped", [True, False])
def test_damage_is_an_error_of_ours_or_unnoticed_but_nothing_else(
    zipped: bool, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    file = save_as(make_theirs(), "model", tmp_path)
    torch.save(torch.load(file, weights_only=False), file, _use_new_zipfile_serialization=zipped)
    whole, draw = file.read_bytes(), random.Random(0)
    noticed = 0
    for _ in range(40):
        content = bytearray(whole)
        for _ in range(10):
            content[draw.choice([1, -1]) * draw.randrange(4000)] = draw.randrange(256)
        file.write_bytes(content)
        try:
            read_weights(file)
        except AvmeError:
            noticed += 1

    assert noticed > 20
