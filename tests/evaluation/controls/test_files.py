import csv
import json
from pathlib import Path

import numpy as np
import pytest

from avme.evaluation.controls.conditions import NO_AUDIO, SHUFFLE
from avme.evaluation.controls.files import summarize_controls, write_controls
from avme.evaluation.controls.table import COLUMNS
from tests.evaluation.controls.outcomes import CONDITIONS, N, draw_outcomes


@pytest.mark.slow
def test_write_controls_writes_verdicts_and_a_table(tmp_path: Path) -> None:
    outcomes = draw_outcomes(lambda condition: 0.4 if condition == NO_AUDIO else 0.9)
    report = summarize_controls(outcomes)

    write_controls(tmp_path, report, {"signature": "avme 1|set", "interval_method": {"unit": "g"}})

    found = json.loads((tmp_path / "controls.json").read_text())
    assert found["signature"] == "avme 1|set"
    assert list(found["verdict"]) == [
        *("audio_gain", "content", "class_only", "timing", "presence", "motion")
    ]
    assert found["verdict"]["audio_gain"]["verdict"] == "yes"
    assert set(found["verdict"]["content"]) == {"verdict", "words", "difference", "interval", "n"}
    assert found["not_measured"] == {}
    with (tmp_path / "controls.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(CONDITIONS) == len(found["table"])
    null = next(row for row in rows if row["audio"] == "null" and row["frames"] == "real")
    assert float(null["top1"]) == round(float(outcomes.correct[NO_AUDIO].mean()), 6)
    assert float(null["difference_high"]) < 0


def test_summarize_controls_names_what_was_not_measured(tmp_path: Path) -> None:
    outcomes = draw_outcomes(lambda condition: 0.9, only={SHUFFLE: "one group has all clips"})

    report = summarize_controls(outcomes)
    write_controls(tmp_path, report, {})

    found = json.loads((tmp_path / "controls.json").read_text())
    assert found["not_measured"] == {"audio shuffle": "one group has all clips"}
    assert found["perceptual_score"] is None
    assert found["shapley"]["gain"]["n"] == N
    assert np.isclose(
        found["shapley"]["gain"]["mean"],
        found["shapley"]["audio"]["mean"] + found["shapley"]["frames"]["mean"],
    )
