"""The dataset that a checkpoint was trained on is found again."""

from pathlib import Path

import pytest

from avme.errors import ArtifactError, UsageError
from avme.io.atomic import write_json, write_text
from avme.shards.dataset_lookup import (
    DatasetId,
    FoundDataset,
    dataset_id,
    find_dataset,
    only_dataset,
)

PETS = DatasetId("pets", "aaaa")


def make_dataset(folder: Path, name: str, fingerprint: str) -> Path:
    write_json(folder / "dataset.json", {"name": name, "fingerprint": fingerprint})
    return folder


def test_find_dataset_with_same_content_under_another_name_finds_it(tmp_path: Path) -> None:
    make_dataset(tmp_path / "pets", "pets", "cccc")
    renamed = make_dataset(tmp_path / "animals", "pets", "aaaa")
    make_dataset(tmp_path / "birds", "birds", "bbbb")

    assert find_dataset(tmp_path, PETS) == FoundDataset(renamed, "fingerprint")


def test_find_dataset_of_two_copies_takes_the_same_name(tmp_path: Path) -> None:
    make_dataset(tmp_path / "copy", "pets", "aaaa")
    make_dataset(tmp_path / "animals", "animals", "aaaa")
    same = make_dataset(tmp_path / "pets", "pets", "aaaa")

    assert find_dataset(tmp_path, PETS) == FoundDataset(same, "fingerprint")


def test_find_dataset_prepared_again_is_found_by_name(tmp_path: Path) -> None:
    again = make_dataset(tmp_path / "pets", "pets", "cccc")
    make_dataset(tmp_path / "birds", "birds", "bbbb")

    assert find_dataset(tmp_path, PETS) == FoundDataset(again, "name")


def test_another_dataset_is_taken_only_if_it_is_the_only_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="run `avme prep` first"):
        find_dataset(tmp_path, PETS)
    birds = make_dataset(tmp_path / "birds", "birds", "bbbb")
    assert find_dataset(tmp_path, PETS) == FoundDataset(birds, "only")
    make_dataset(tmp_path / "cats", "cats", "dddd")
    with pytest.raises(
        UsageError,
        match=r"holds birds, cats, not the training set pets \(fingerprint aaaa\): .*--data",
    ):
        find_dataset(tmp_path, PETS)


def test_find_dataset_with_unreadable_manifest_finds_the_others(tmp_path: Path) -> None:
    write_text(tmp_path / "broken" / "dataset.json", "{")
    pets = make_dataset(tmp_path / "pets", "pets", "aaaa")

    assert dataset_id(tmp_path / "broken") == DatasetId("broken", "")
    assert find_dataset(tmp_path, PETS) == FoundDataset(pets, "fingerprint")


def test_only_dataset_takes_one_and_lists_several(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="run `avme prep` first"):
        only_dataset(tmp_path)
    write_json(tmp_path / "pets" / "dataset.json", {})
    assert only_dataset(tmp_path) == tmp_path / "pets"
    write_json(tmp_path / "birds" / "dataset.json", {})
    with pytest.raises(UsageError, match=r"birds, pets"):
        only_dataset(tmp_path)
