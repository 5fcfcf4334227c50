"""Runs and evaluations are read from their folders; damaged parts are notes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.report.runs import read_contents

MakeRun = Callable[..., Path]


def test_read_contents_finds_run_metrics_and_evaluation(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "curve.png").write_bytes(b"png")
    (run / "reconstructions").mkdir()
    (run / "reconstructions" / "a.mp4").write_bytes(b"mp4")

    contents = read_contents([run, run])

    (found,), (evaluation,) = contents.runs, contents.evaluations
    assert (found.name, found.stage, found.state) == ("run", "finetune", "finished")
    assert len(found.metrics) == 60  # without the truncated line
    assert found.images == (run / "curve.png", run / "reconstructions" / "a.mp4")
    assert found.warnings == ("class B has one clip",)
    assert set(found.texts) == {"config.yaml", "command.txt", "env.json"}
    assert (evaluation.run, evaluation.name) == ("run", "set-split1-test-best-5x3")
    assert evaluation.controls["verdict"].keys() == {"audio_gain"}
    assert contents.notes == ()


def test_read_contents_of_a_results_folder_knows_its_run(make_run: MakeRun, tmp_path: Path) -> None:
    results = next((make_run(tmp_path / "run") / "eval").iterdir())

    contents = read_contents([results])

    assert contents.runs == ()
    assert [found.run for found in contents.evaluations] == ["run"]


def test_read_contents_of_unfinished_run_warns(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", stage="pretrain", state="stopped")

    (found,) = read_contents([run]).runs

    assert found.warnings[0].startswith("run is not finished: stopped")


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("summary.json", "{}", "n: field required"),
        ("predictions.npz", "no zip", "cannot be read"),
        ("controls.json", "{", "is not JSON"),
    ],
)
def test_read_contents_with_damaged_results_notes_the_file(
    name: str, content: str, line: str, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run")
    (next((run / "eval").iterdir()) / name).write_text(content)

    contents = read_contents([run])

    assert contents.evaluations == ()
    assert len(contents.notes) == 1
    assert name in contents.notes[0]
    assert line in contents.notes[0]


def test_read_contents_with_damaged_derived_values_notes_the_file(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run")
    (run / "derived.json").write_text(json.dumps([1]))

    contents = read_contents([run])

    assert "derived.json holds list" in contents.notes[0]
    assert contents.runs[0].derived == {}


def test_read_contents_of_another_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"holds neither status\.json nor summary\.json"):
        read_contents([tmp_path])


def test_read_contents_of_a_folder_with_links_is_an_error(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run")
    (tmp_path / "secret.png").write_bytes(b"png")
    (run / "curve.png").symlink_to(tmp_path / "secret.png")

    with pytest.raises(ArtifactError, match=r"curve\.png"):
        read_contents([run])
