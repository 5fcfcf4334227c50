"""Curves of all runs lie over each other; settings and commands are there."""

from collections.abc import Callable
from pathlib import Path

from avme.report.runs import read_contents
from avme.report.training_section import settings_section, training_section
from tests.report_files import read

MakeRun = Callable[..., Path]


def test_training_section_overlays_runs_of_a_stage(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name) for name in ("a", "b")]
    runs.append(make_run(tmp_path / "p", stage="pretrain"))

    section = training_section(read_contents(runs).runs)

    assert section.count("<figure>") == 4  # pretraining loss; loss, top-1 and loss of fine-tuning
    assert section.count('class="line c1"') == 3
    text = read(section).text
    assert "afinetunefinishedsetall24301,234,5671" in text
    assert "Validation top-1 of finetune runs" in text


def test_training_section_shows_probes(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(tmp_path / "p", stage="pretrain")
    with (run / "metrics.jsonl").open("a") as file:
        file.write('\n{"kind": "probe", "step": 5, "knn_audio": 0.5}\n')

    section = training_section(read_contents([run]).runs)

    assert "k-NN probe on held-out groups" in section


def test_settings_section_has_command_settings_and_environment(
    make_run: MakeRun, tmp_path: Path
) -> None:
    text = read(settings_section(read_contents([make_run(tmp_path / "run")]).runs)).text

    assert "avme finetune --data set" in text
    assert "lr: 0.001" in text
    assert '{"avme": "0.1.0"}' in text


def test_sections_without_runs_are_empty() -> None:
    assert (training_section(()), settings_section(())) == ("", "")
