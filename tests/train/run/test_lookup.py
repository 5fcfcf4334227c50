"""The pretrain run that a fine-tuning starts from is one of its dataset."""

import json
from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.io.atomic import read_json, write_json
from avme.io.run_status import write_status
from avme.shards.dataset_lookup import DatasetId
from avme.train.run.lookup import newest_pretraining


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    write_json(tmp_path / "data/pets/dataset.json", {"name": "pets", "fingerprint": "aaaa"})
    return tmp_path / "data/pets"


def make_run(
    folder: Path,
    age: int,
    dataset: tuple[str, str] | None = ("pets", "aaaa"),
    stage: str = "pretrain",
    state: str = "finished",
) -> Path:
    write_status(folder, stage, state)
    status = read_json(folder / "status.json") | {"updated": age}
    (folder / "status.json").write_text(json.dumps(status))
    if dataset is not None:
        name, fingerprint = dataset
        write_json(folder / "derived.json", {"dataset": name, "fingerprint": fingerprint})
    return folder


def test_newest_pretraining_of_the_dataset_is_found(tmp_path: Path, pets: Path) -> None:
    runs = tmp_path / "runs"
    make_run(runs / "a", 1)
    newest = make_run(runs / "b", 2)
    make_run(runs / "c", 3, ("birds", "bbbb"))
    make_run(runs / "d", 4, None)
    make_run(runs / "e", 5, stage="finetune")
    make_run(runs / "f", 6, state="stopped")

    found = newest_pretraining(runs, pets)

    assert (found.folder, found.dataset) == (newest, DatasetId("pets", "aaaa"))


def test_equal_content_comes_before_an_equal_name(tmp_path: Path, pets: Path) -> None:
    runs = tmp_path / "runs"
    same_name = make_run(runs / "a", 3, ("pets", "cccc"))
    assert newest_pretraining(runs, pets).folder == same_name
    same_content = make_run(runs / "b", 1, ("pets-before-it-was-renamed", "aaaa"))

    assert newest_pretraining(runs, pets).folder == same_content


def test_newest_pretraining_of_another_dataset_is_named_and_refused(
    tmp_path: Path, pets: Path
) -> None:
    make_run(tmp_path / "runs" / "pretrain-birds", 1, ("birds", "bbbbbbbbbb"))

    with pytest.raises(
        ArtifactError,
        match=r"no finished pretrain run of pets in .*, the newest is .*pretrain-birds of birds "
        r"\(fingerprint bbbbbbbb\): start from it with --from .*pretrain-birds, or run "
        r"`avme pretrain --data .*data/pets` first",
    ):
        newest_pretraining(tmp_path / "runs", pets)


def test_newest_pretraining_without_finished_run_names_the_stage(
    tmp_path: Path, pets: Path
) -> None:
    with pytest.raises(ArtifactError, match="run `avme pretrain` first"):
        newest_pretraining(tmp_path / "runs", pets)
