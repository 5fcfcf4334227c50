"""The linear probe of a file of features."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avme.features.linear_probe import USUAL_C
from avme.progress import NullReporter
from avme.stages.features.probe import probe

WriteFile = Callable[..., Path]


class Lines(NullReporter):
    """Reporter that collects lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


def test_probe_reports_c_accuracy_and_signature(tmp_path: Path, write_file: WriteFile) -> None:
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(45) % 3, 2)
    features = rng.normal(size=(90, 6)) + 3.0 * np.eye(6)[label]
    subset = ["train"] * 60 + ["test"] * 30
    path, report = write_file(tmp_path / "f.h5", features, label.tolist(), subset), Lines()

    found = probe(path, report=report)

    assert (found.num_train, found.num_test) == (60, 30)
    assert found.tops.accuracy[1] > 0.8
    assert found.tops.interval[1].low <= found.tops.accuracy[1] <= found.tops.interval[1].high
    assert f"|probe=std+linsvc,C{found.found.c:g}|" in found.signature
    record = json.loads(json.dumps(found.as_record()))
    assert record["c"] == found.found.c
    assert len(record["validation"]) == 6
    assert record["validation_clips"] == found.found.held_out > 0
    assert report.lines == []


def test_probe_without_groups_says_which_c_it_takes(tmp_path: Path, write_file: WriteFile) -> None:
    features = np.eye(4)[[0, 0, 1, 1, 0, 1]]
    subset = ["train"] * 4 + ["test"] * 2
    path, report = write_file(tmp_path / "f.h5", features, [0, 0, 1, 1, 0, 1], subset), Lines()

    found = probe(path, report=report)

    assert found.tops.accuracy[1] == 1.0
    assert report.lines == [f"no group of the train list can be held out: C is {USUAL_C:g}"]


def test_probe_warns_of_fits_that_did_not_converge(
    tmp_path: Path, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.features.linear_probe._MOST_ITERATIONS", 1)
    rng = np.random.default_rng(0)
    label = (np.arange(60) // 2 % 2).tolist()
    subset = ["train"] * 40 + ["test"] * 20
    path = write_file(tmp_path / "f.h5", rng.normal(size=(60, 90)), label, subset)
    report = Lines()

    found = probe(path, report=report)

    assert found.found.unconverged > 0
    assert report.lines[-1].startswith(f"warning: {found.found.unconverged} of 7 fits")
