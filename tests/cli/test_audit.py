"""`avme audit` prints tables that fit a few classes and many."""

import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from avme.audit.audio_leak import count, measure
from avme.audit.protocol_leakage import protocols
from avme.audit.summary import survey, survey_classes, survey_split
from avme.shards.dataset import PreparedDataset
from avme.shards.record import ClipRecord
from avme_cli.app import app
from avme_cli.audit import print_audit


def facts(num_classes: int, sounding: int) -> dict[str, Any]:
    """Two groups of one clip per class; the first classes sound."""
    names = [f"Class{number:03d}" for number in range(num_classes)]
    records = [
        ClipRecord(
            id=f"{name}/{group}",
            class_name=name,
            label=label,
            group=f"{name}/g{group}",
            num_bytes=1,
            frames=25,
            seconds=1.0,
            audio="audible" if label < sounding else "none",
            usable_audio=label < sounding,
        )
        for label, name in enumerate(names)
        for group in range(5)
    ]
    sides = {
        "train": [record.id for record in records if not record.group.endswith("g0")],
        "test": [record.id for record in records if record.group.endswith("g0")],
    }
    label = np.repeat(np.arange(num_classes), 4)
    present = (label < sounding).astype(np.int64)
    tested = np.arange(num_classes), (np.arange(num_classes) < sounding).astype(np.int64)
    leak = measure((label, present, [str(i % 4) for i in range(len(label))]), tested, num_classes)
    counts = count(label, present, num_classes), count(*tested, num_classes)
    split = {
        **survey_split(records, sides),
        "leak": {**asdict(leak), "is_evident": leak.is_evident},
        "protocols": [{**asdict(row), "how": f"avme {row.name}"} for row in protocols(*counts)],
    }
    return {
        "dataset": "pets",
        "quarantined": 0,
        **survey(records, names),
        "splits": {"1": split},
        "per_class": survey_classes(records, names, {"1": sides}),
    }


def printed(capsys: pytest.CaptureFixture[str], found: dict[str, Any]) -> list[list[str]]:
    print_audit(found)
    text = capsys.readouterr().out.replace("┃", "│")
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines()]


def test_few_classes_have_a_row_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")

    found = facts(4, sounding=2)
    found["per_class"][1]["class"] = "[red]Class:v:[/red]"

    rows = printed(capsys, found)

    assert ["[red]Class:v:[/red]", "5", "5", "100.0 %"] in rows
    assert ["Class000", "5", "5", "100.0 %"] in rows
    assert ["Class003", "5", "5", "0.0 %"] in rows
    assert ["1", "train", "16", "4", "16", "8", "0", "8"] in rows
    assert any(row[:3] == ["1", "1.000", "1.000"] for row in rows)
    assert any("gives 1.00 bits of the class" in row[0] for row in rows)
    free = [row[0] for row in rows if len(row) == 5 and row[4] == "0.000"]
    assert "only clips with usable audio" in free


def test_many_classes_are_summed_up_and_odd_ones_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    found = facts(101, sounding=51)
    found["per_class"][7]["usable_share"] = 0.8

    rows = printed(capsys, found)

    assert ["50 classes: all clips with audio", "250", "250", "100%"] in rows
    assert ["50 classes: no clip with audio", "250", "250", "0%"] in rows
    assert ["Class007", "5", "5", "80.0 %"] in rows
    assert not any(row[0] == "Class030" for row in rows)


def test_classes_that_only_the_test_list_has_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    found = facts(6, sounding=6)
    found["splits"]["1"]["test_only_classes"] = ["Cat", "Dog", "Eel", "Fox"]

    rows = printed(capsys, found)

    (line,) = [row[0] for row in rows if "test clips only" in row[0]]
    assert "split 1: 4 classes have test clips only (Cat, Dog, Eel, ...)" in line


def test_print_audit_without_leak_prints_no_warning_or_advice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = printed(capsys, facts(3, sounding=3))

    assert not any("warning" in row[0] or "protocols that reduce" in row[0] for row in rows)


@pytest.mark.slow
def test_print_audit_advice_can_be_copied_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_video: Callable[..., Path]
) -> None:
    """Two of three classes sound; each clip is a group, so that the leak is beyond chance."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("cat's", "dog", "fish"):
        audio = {"audio": None} if name == "fish" else {}
        for number in range(8):
            make_video(Path(f"my videos/{name}/{number}.avi"), frames=4, **audio)
    run("prep", "folder", "my videos", "--name", "pets", "--workers", "1", "--max-failed", "0.2")

    lines = run("audit", "pets").splitlines()

    command = lines[lines.index("only clips with usable audio, as a dataset:") + 1].strip()
    program, *words = shlex.split(command)
    assert program == "avme"
    assert run(*words).strip() == "data/pets-usable-audio"
    made, whole = (PreparedDataset.open(Path("data") / n) for n in ("pets-usable-audio", "pets"))
    for part in ("train", "test"):
        wanted = {e.id for e in whole.subset("1", part) if e.class_name != "fish"}
        assert {entry.id for entry in made.subset("1", part)} == wanted
    assert made.classes == ("cat's", "dog")
    assert made.manifest["statistics"].keys() == whole.manifest["statistics"].keys()
    half = lines[lines.index("all clips, audio dropped from 50%:") + 1].strip()
    out = "runs/finetune-pets-av-dropout-0.5"
    assert half == f"avme finetune --data data/pets --set augment.audio_dropout=0.5 --out {out}"
    donors = lines[lines.index("all clips, audio of donors where none is usable:") + 1].strip()
    assert donors == "avme finetune --data data/pets --protocol donor"
    others = [shlex.split(line) for line in lines if line.startswith("    avme finetune ")]
    folders = [words[words.index("--out") + 1] for words in others if "--out" in words]
    assert len(folders) == len(set(folders)) == 3
    assert not any("not yet" in line for line in lines)


def run(*args: str) -> str:
    result = CliRunner().invoke(app, args, prog_name="avme")
    assert result.exit_code == 0, result.stderr
    return result.stdout
