"""A command that is not told where to look looks where the last one wrote."""

import os
from pathlib import Path

import pytest
import torch

from avme.checkpoint.file import Checkpoint, save_checkpoint
from avme.errors import ArtifactError, UsageError
from avme.io.atomic import write_json, write_text
from avme.io.run_status import write_status
from avme_cli import paths


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def prepared(folder: str) -> Path:
    write_text(Path(folder) / "dataset.json", "{}")
    return Path(folder)


def test_dataset_default_is_the_only_dataset() -> None:
    only = prepared("data/pets")

    assert paths.dataset(None) == only


def test_dataset_is_found_by_folder_or_name() -> None:
    inside, outside = prepared("data/pets"), prepared("elsewhere/birds")

    assert paths.dataset("pets") == inside
    assert paths.dataset("elsewhere/birds") == outside


def test_unknown_dataset_is_refused_with_the_existing_ones() -> None:
    prepared("data/pets")

    with pytest.raises(UsageError, match=r"--data cats: no such folder.*data/ holds pets"):
        paths.dataset("cats")


def test_unfinished_dataset_is_refused_with_the_prep_command() -> None:
    Path("half").mkdir()

    with pytest.raises(ArtifactError, match="half is not a prepared set"):
        paths.dataset("half")


def pretrained(name: str, dataset: str, fingerprint: str) -> Path:
    run = Path("runs") / name
    write_status(run, "pretrain", "finished")
    write_json(run / "derived.json", {"dataset": dataset, "fingerprint": fingerprint})
    return run


def test_finetune_default_start_is_the_newest_pretraining_of_its_dataset() -> None:
    write_json(Path("data/pets/dataset.json"), {"name": "pets", "fingerprint": "aa"})
    run = pretrained("first", "pets", "aa")
    pretrained("later", "birds", "bb")
    Path("other.pt").write_bytes(b"")

    chosen = paths.pretrained(None, Path("data/pets"))

    assert chosen is not None
    assert chosen.path == run
    assert str(chosen) == "runs/first, the newest finished pretrain run of pets"
    assert paths.pretrained("other.pt", Path("data/pets")) == paths.Start(Path("other.pt"))
    assert paths.pretrained("scratch", Path("data/pets")) is None
    with pytest.raises(UsageError, match=r"gone\.pt does not exist"):
        paths.pretrained("gone.pt", Path("data/pets"))


def test_init_run_of_dataset_prepared_again_is_warned_about() -> None:
    write_json(Path("data/pets/dataset.json"), {"name": "pets", "fingerprint": "bb"})
    pretrained("first", "pets", "aa")

    chosen = str(paths.pretrained(None, Path("data/pets")))

    assert (
        "prepared again since (it was pets (fingerprint aa), now pets (fingerprint bb))" in chosen
    )


def test_resumed_run_uses_its_own_settings() -> None:
    write_text(Path("runs/a/config.yaml"), "train: {epochs: 3}\n")

    assert paths.earlier_settings(Path("runs/a"), resume=True) == {"train": {"epochs": 3}}
    assert paths.earlier_settings(Path("runs/a"), resume=False) is None
    with pytest.raises(ArtifactError, match="runs/b holds no run to resume"):
        paths.earlier_settings(Path("runs/b"), resume=True)


def test_resumed_run_uses_the_preset_of_its_readable_checkpoint() -> None:
    run = Path("runs/a")
    last, previous = (run / f"checkpoints/{name}.pt" for name in ("last", "previous"))
    facts, model = {"preset": "tiny"}, {"weight": torch.zeros(1)}
    old = Checkpoint(stage="pretrain", config={}, facts=facts, step=3, model=model)
    save_checkpoint(previous, old)
    last.write_bytes(previous.read_bytes()[:100])

    assert paths.preset_of(run, resume=True) == "tiny"
    assert paths.preset_of(None, resume=True) == "base"
    with pytest.raises(ArtifactError, match=r"last\.pt cannot be read"):
        paths.preset_of(run)


@pytest.mark.parametrize(
    ("preset", "modality"), [(None, "av"), ("base", "av"), ("videomae-k400", "v"), ("old", "av")]
)
def test_preset_determines_the_modality_of_its_classifier(
    preset: str | None, modality: str
) -> None:
    assert paths.modality_of(preset) == modality


def test_dataset_name_is_that_of_its_folder() -> None:
    assert paths.set_folder(None, None, "ucf101") == Path("data/ucf101")
    assert paths.set_folder(None, "pets", "ucf101") == Path("data/pets")
    assert paths.set_folder(Path("sets/pets"), None, "ucf101") == Path("sets/pets")


@pytest.mark.parametrize(
    ("there", "reads"), [([], "av"), (["v"], "v"), (["a"], "a"), (["v", "av"], "av")]
)
def test_resumed_run_is_the_existing_one(there: list[str], reads: str) -> None:
    for kind in there:
        Path(f"runs/finetune-pets-{kind}").mkdir(parents=True)

    assert paths.find_modality("pets") == reads


def test_run_of_a_protocol_is_found_by_its_suffix() -> None:
    Path("runs/finetune-pets-av").mkdir(parents=True)
    Path("runs/finetune-pets-a-donor").mkdir()

    assert paths.find_modality("pets", paths.protocol_suffix("donor")) == "a"
    assert paths.find_modality("pets", paths.protocol_suffix("all")) == "av"
    assert paths.find_modality("pets", paths.protocol_suffix("visual")) == "av"


def test_pipe_as_table_is_refused() -> None:
    os.mkfifo("rows")

    with pytest.raises(UsageError, match=r"rows is not a regular file .*, expected a CSV file"):
        paths.table(Path("rows"))


def test_resumed_run_among_several_datasets_finds_its_own() -> None:
    for name in ("birds", "pets"):
        write_json(Path(f"data/{name}/dataset.json"), {"name": name, "fingerprint": name * 2})
    run = pretrained("first", "pets", "petspets")

    assert paths.dataset_to_train_on(None, run, resume=True) == Path("data/pets")
    assert paths.dataset_to_train_on("birds", run, resume=True) == Path("data/birds")
    with pytest.raises(UsageError, match="several prepared sets"):
        paths.dataset_to_train_on(None, run, resume=False)
    with pytest.raises(UsageError, match="several prepared sets"):
        paths.dataset_to_train_on(None, Path("runs/gone"), resume=True)
