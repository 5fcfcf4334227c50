import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from avme.errors import ArtifactError
from avme.evaluation.controls.conditions import CLEAN, NEITHER, NO_AUDIO, SHUFFLE, Condition
from avme.evaluation.controls.run_sets import summarize_batteries

TOP1 = {CLEAN: (0.9, 0.8, 0.85), NO_AUDIO: (0.4, 0.5, 0.3), NEITHER: (0.1, 0.1, 0.1)}


def row(condition: Condition, top1: float, clean: float) -> dict[str, Any]:
    names = {"audio": str(condition.audio), "frames": str(condition.frames), "degradation": ""}
    return names | {"clips": "all", "n": 10, "top1": top1, "difference": top1 - clean}


def curve(gains: tuple[float, float]) -> dict[str, Any]:
    points = [{"mean": gain, "interval": [0.0, 1.0], "n": 10} for gain in gains]
    mean, growth = points[1], {"mean": gains[1] - gains[0]}
    both = {"real": points, "null": points, "gain": points}
    return {"kind": "jpeg", "severities": [0, 3], **both, "area": mean, "growth": growth}


def write(folder: Path, run: int, more: list[dict[str, Any]]) -> Path:
    """Write the battery of one of three runs."""
    rows = [row(condition, each[run], TOP1[CLEAN][run]) for condition, each in TOP1.items()]
    folder.mkdir()
    found = {
        "verdict": {"audio_gain": {"verdict": ("yes", "no", "yes")[run]}},
        "table": rows + more,
        "degradation": [curve((0.1 * run, 0.2))],
    }
    (folder / "controls.json").write_text(json.dumps(found))
    return folder


def test_summarize_batteries_has_mean_and_deviation_of_common_conditions(tmp_path: Path) -> None:
    alone = [row(SHUFFLE, 0.2, 0.9)]
    folders = [write(tmp_path / str(run), run, [] if run else alone) for run in range(3)]

    found = summarize_batteries(folders)

    assert found["runs"] == 3
    assert found["verdict"] == {"audio_gain": ["yes", "no", "yes"]}
    assert [each["condition"] for each in found["table"]] == [
        str(CLEAN),
        str(NO_AUDIO),
        str(NEITHER),
    ]
    drops = [null - clean for null, clean in zip(TOP1[NO_AUDIO], TOP1[CLEAN], strict=True)]
    for name, values in (("top1", TOP1[NO_AUDIO]), ("difference", drops)):
        assert found["table"][1][name] == {
            "mean": pytest.approx(statistics.mean(values)),
            "deviation": pytest.approx(statistics.stdev(values)),
        }
    (jpeg,) = found["degradation"]
    assert jpeg["severities"] == [0, 3]
    assert jpeg["gain"][0]["mean"] == pytest.approx(0.1)
    assert jpeg["growth"] == {"mean": pytest.approx(0.1), "deviation": pytest.approx(0.1)}


def test_summarize_batteries_of_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    folders = [write(tmp_path / str(run), run, []) for run in range(2)]
    (folders[1] / "controls.json").write_text("{}")

    with pytest.raises(ArtifactError, match=r"1/controls\.json is no battery of controls"):
        summarize_batteries(folders)
