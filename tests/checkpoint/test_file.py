"""Checkpoints come back as they were, and nothing is ever unpickled."""

import os
import pickle
import zipfile
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avme.checkpoint.file import (
    Checkpoint,
    find_checkpoint,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from avme.errors import ArtifactError
from avme.weights.load import read_weights
from avme.weights.tensor_files import read_pickle


def make_checkpoint() -> Checkpoint:
    return Checkpoint(
        stage="pretrain",
        config={"mask": {"ratio": 0.9}, "scales": [1.0, 0.5]},
        facts={"preset": "tiny", "pretrained": None},
        step=7,
        model={"weight": torch.arange(4.0)},
        optimizer={"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"lr": 0.1}]},
        best={"top1": 0.5},
    )


def test_load_checkpoint_returns_what_was_saved(tmp_path: Path) -> None:
    before = make_checkpoint()
    save_checkpoint(tmp_path / "last.pt", before)

    after = load_checkpoint(tmp_path / "last.pt")

    assert torch.equal(after.model["weight"], before.model["weight"])
    assert (after.config, after.facts, after.step) == (before.config, before.facts, before.step)
    assert after.optimizer["param_groups"] == before.optimizer["param_groups"]
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_weights_are_the_average_if_there_is_one(tmp_path: Path) -> None:
    plain = make_checkpoint()
    averaged = replace(plain, average={"updates": 1, "tensors": {"weight": torch.ones(4)}})
    save_checkpoint(tmp_path / "last.pt", averaged)

    assert plain.weights is plain.model
    assert torch.equal(load_checkpoint(tmp_path / "last.pt").weights["weight"], torch.ones(4))


@pytest.mark.parametrize("found", [2, 4, None, "x" * 1000])
def test_another_format_is_refused_whatever_its_keys_are(found: object, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, make_checkpoint())
    content = torch.load(path, weights_only=True)
    del content["scaler"]
    torch.save(content | {"format": found, "other": 1}, path)

    for read in (load_checkpoint, read_weights):
        with pytest.raises(ArtifactError) as caught:
            read(path)
        assert str(caught.value) == (
            f"{path}: written by another version of avme (got format {found!r:.40}, expected 3). "
            "Train again"
        )


@pytest.mark.parametrize("name", ["scaler", "average", "meter"])
def test_load_checkpoint_without_a_key_is_refused(name: str, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "last.pt", make_checkpoint())
    content = torch.load(tmp_path / "last.pt", weights_only=True)
    del content[name]
    torch.save(content, tmp_path / "last.pt")

    with pytest.raises(ArtifactError, match="is not a checkpoint of avme: expected the keys"):
        load_checkpoint(tmp_path / "last.pt")


def test_load_checkpoint_of_file_with_code_is_refused_without_running_it(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"model": Trap()}, tmp_path / "evil.pt")

    with pytest.raises(ArtifactError, match="cannot be read as a checkpoint"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps({"a": 1})])
def test_load_checkpoint_of_other_file_is_refused_in_one_line(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "odd.pt").write_bytes(content)

    with pytest.raises(ArtifactError) as caught:
        load_checkpoint(tmp_path / "odd.pt")
    assert "odd.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["compressed", "overlapping"])
def test_load_checkpoint_does_not_unpack_more_than_the_file_has(how: str, tmp_path: Path) -> None:
    """A few bytes may stand for any number of them; torch writes plain ones, one after another."""
    path = tmp_path / "last.pt"
    large = replace(make_checkpoint(), model={"weight": torch.zeros(40_000)})
    save_checkpoint(tmp_path / "whole.pt", large)
    with zipfile.ZipFile(tmp_path / "whole.pt") as whole:
        parts = {part.filename: whole.read(part) for part in whole.infolist()}
    if how == "compressed":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            for name, content in parts.items():
                made.writestr(name, content)
        assert path.stat().st_size < 20_000
    else:
        with zipfile.ZipFile(path, "w") as made:
            for name, content in parts.items():
                made.writestr(name, content)
            (first,) = (part for part in made.infolist() if part.file_size == 160_000)
            twin = copy(first)
            twin.filename = f"{first.filename}0"
            made.filelist.append(twin)

    for read in (load_checkpoint, read_pickle):
        with pytest.raises(ArtifactError, match=r"last\.pt cannot be read .*BadZipFile") as caught:
            read(path)
        assert str(caught.value.__cause__) == "more is declared than stored"
    load_checkpoint(tmp_path / "whole.pt")


def test_load_checkpoint_of_another_format_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "foreign.pt")

    with pytest.raises(ArtifactError, match="not a checkpoint of avme"):
        load_checkpoint(tmp_path / "foreign.pt")


def test_find_checkpoint_in_run_folder_finds_its_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "run" / "checkpoints" / "best.pt", make_checkpoint())

    assert find_checkpoint(tmp_path / "run", "best").name == "best.pt"
    with pytest.raises(ArtifactError, match=r"last\.pt"):
        find_checkpoint(tmp_path / "run", "last")
    with pytest.raises(ArtifactError, match="does not exist"):
        find_checkpoint(tmp_path / "nowhere", "last")


def test_save_checkpoint_never_replaces_a_whole_previous_file_by_a_damaged_one(
    tmp_path: Path,
) -> None:
    last, previous = tmp_path / "checkpoints/last.pt", tmp_path / "checkpoints/previous.pt"
    save_checkpoint(previous, make_checkpoint())
    last.write_bytes(previous.read_bytes()[:1000])

    save_checkpoint(last, make_checkpoint(), previous=previous)

    assert load_checkpoint(previous).step == load_checkpoint(last).step == 7


def test_save_checkpoint_keeps_the_last_one_while_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last, previous = tmp_path / "last.pt", tmp_path / "previous.pt"
    save_checkpoint(last, make_checkpoint(), previous=previous)
    seen: list[bool] = []
    real = os.fsync

    def fsync(number: int) -> None:
        seen.append(last.is_file())
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)

    save_checkpoint(last, make_checkpoint(), previous=previous)

    assert seen
    assert all(seen)
    assert load_checkpoint(previous).step == 7


def test_newest_checkpoint_takes_the_newest_readable_step(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    save_checkpoint(folder / "previous.pt", replace(make_checkpoint(), step=5))
    save_checkpoint(folder / "step-10.pt", replace(make_checkpoint(), step=10))
    save_checkpoint(folder / "step-12.pt", replace(make_checkpoint(), step=12))
    (folder / "step-12.pt").write_bytes(b"torn")
    (folder / "last.pt").write_bytes(b"torn")
    said: list[str] = []

    assert newest_checkpoint(tmp_path, said.append).step == 10
    assert len(said) == 1
    assert "continuing from step-10.pt" in said[0]
