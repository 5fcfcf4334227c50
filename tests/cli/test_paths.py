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


def test_the_only_set_is_the_default() -> None:
    only = prepared("data/pets")

    assert paths.dataset(None) == only


def test_a_set_is_found_by_its_folder_or_by_its_name() -> None:
    inside, outside = prepared("data/pets"), prepared("elsewhere/birds")

    assert paths.dataset("pets") == inside
    assert paths.dataset("elsewhere/birds") == outside


def test_an_unknown_set_is_refused_with_those_that_are_there() -> None:
    prepared("data/pets")

    with pytest.raises(UsageError, match=r"--data cats: no such folder.*data/ holds pets"):
        paths.dataset("cats")


def test_an_unfinished_set_sends_back_to_prep() -> None:
    Path("half").mkdir()

    with pytest.raises(ArtifactError, match="half is not a prepared set"):
        paths.dataset("half")


def pretrained(name: str, dataset: str, fingerprint: str) -> Path:
    run = Path("runs") / name
    write_status(run, "pretrain", "finished")
    write_json(run / "derived.json", {"dataset": dataset, "fingerprint": fingerprint})
    return run


def test_fine_tuning_starts_from_the_newest_pretrain_run_of_its_set_unless_told() -> None:
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


def test_a_start_from_a_set_that_was_prepared_again_is_told() -> None:
    write_json(Path("data/pets/dataset.json"), {"name": "pets", "fingerprint": "bb"})
    pretrained("first", "pets", "aa")

    chosen = str(paths.pretrained(None, Path("data/pets")))

    assert (
        "prepared again since (it was pets (fingerprint aa), now pets (fingerprint bb))" in chosen
    )


def test_a_resumed_run_brings_its_own_settings() -> None:
    write_text(Path("runs/a/config.yaml"), "train: {epochs: 3}\n")

    assert paths.earlier_settings(Path("runs/a"), resume=True) == {"train": {"epochs": 3}}
    assert paths.earlier_settings(Path("runs/a"), resume=False) is None
    with pytest.raises(ArtifactError, match="runs/b holds no run to resume"):
        paths.earlier_settings(Path("runs/b"), resume=True)


def test_a_resumed_run_tells_its_preset_by_the_checkpoint_that_is_whole() -> None:
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
def test_a_preset_says_what_its_classifier_reads(preset: str | None, modality: str) -> None:
    assert paths.modality_of(preset) == modality


def test_a_set_is_called_as_its_folder() -> None:
    assert paths.set_folder(None, None, "ucf101") == Path("data/ucf101")
    assert paths.set_folder(None, "pets", "ucf101") == Path("data/pets")
    assert paths.set_folder(Path("sets/pets"), None, "ucf101") == Path("sets/pets")


@pytest.mark.parametrize(
    ("there", "reads"), [([], "av"), (["v"], "v"), (["a"], "a"), (["v", "av"], "av")]
)
def test_a_run_to_resume_is_the_one_that_is_there(there: list[str], reads: str) -> None:
    for kind in there:
        Path(f"runs/finetune-pets-{kind}").mkdir(parents=True)

    assert paths.find_modality("pets") == reads


def test_run_of_a_protocol_is_found_by_its_suffix() -> None:
    Path("runs/finetune-pets-av").mkdir(parents=True)
    Path("runs/finetune-pets-a-donor").mkdir()

    assert paths.find_modality("pets", paths.protocol_suffix("donor")) == "a"
    assert paths.find_modality("pets", paths.protocol_suffix("all")) == "av"
    assert paths.find_modality("pets", paths.protocol_suffix("visual")) == "av"


def test_a_pipe_is_no_table() -> None:
    os.mkfifo("rows")

    with pytest.raises(UsageError, match=r"rows is not a regular file .*, expected a CSV file"):
        paths.table(Path("rows"))


def test_a_resumed_run_finds_its_own_set_among_several() -> None:
    for name in ("birds", "pets"):
        write_json(Path(f"data/{name}/dataset.json"), {"name": name, "fingerprint": name * 2})
    run = pretrained("first", "pets", "petspets")

    assert paths.dataset_to_train_on(None, run, resume=True) == Path("data/pets")
    assert paths.dataset_to_train_on("birds", run, resume=True) == Path("data/birds")
    with pytest.raises(UsageError, match="several prepared sets"):
        paths.dataset_to_train_on(None, run, resume=False)
    with pytest.raises(UsageError, match="several prepared sets"):
        paths.dataset_to_train_on(None, Path("runs/gone"), resume=True)
