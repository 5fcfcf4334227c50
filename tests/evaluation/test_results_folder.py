"""Name of a results folder, and what it may replace."""

import json
from pathlib import Path
from typing import Any

import pytest

from avme.config import EvalConfig
from avme.errors import UsageError
from avme.evaluation.results_folder import require_replaceable, require_room, results_folder
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme.weights.load_classifier import read_classifier

CONFIG = EvalConfig(topk=(1, 2), num_workers=0, device="cpu")
SUMMARY = {
    "checkpoint": {"sha256": "a"},
    "fingerprint": "f",
    "dataset": "set",
    "split": "1",
    "list": "test",
    "subset": "all",
    "modality": "av",
    "trained_modality": "av",
    "audio": "real",
    "frames": "real",
    "degrade": [],
    "controls": False,
    "views": {"segments": 5, "crops": 3},
    "precision": "float32",
    "top1": 0.5,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "set-split1-test-best-5x3"),
        ({"list": "train", "split": "2"}, "set-split2-train-best-5x3"),
        ({"subset": "audio"}, "set-split1-test-audio-best-5x3"),
        ({"modality": "v", "audio": "null"}, "set-split1-test-best-5x3-v"),
        ({"modality": "v", "trained_modality": "v", "audio": "none"}, "set-split1-test-best-5x3"),
        ({"audio": "noise@10"}, "set-split1-test-best-5x3-audio-noise@10"),
        (
            {"frames": "static", "audio": "null"},
            "set-split1-test-best-5x3-audio-null-frames-static",
        ),
        ({"modality": "a", "frames": "blank"}, "set-split1-test-best-5x3-a"),
        ({"degrade": ["jpeg=3", "low-pass=1"]}, "set-split1-test-best-5x3-jpeg=3-low-pass=1"),
        ({"degrade": ["jpeg"], "controls": True}, "set-split1-test-best-5x3-jpeg-controls"),
    ],
)
def test_results_folder_is_named_after_settings(
    changed: dict[str, Any], name: str, finetuned: Path
) -> None:
    weights = read_classifier(finetuned)

    assert results_folder(weights, SUMMARY | changed) == finetuned / "eval" / name


@pytest.mark.slow
def test_evaluate_into_existing_results_needs_overwrite(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    out = tmp_path / "eval"
    evaluate(finetuned, data=finished.folder, config=CONFIG, out=out)
    (out / "notes.txt").write_text("mine")
    written = (out / "predictions.npz").stat().st_mtime_ns

    with pytest.raises(
        UsageError, match=r"eval holds the results of this .*--overwrite, or .*--out"
    ):
        evaluate(finetuned, data=finished.folder, config=CONFIG, out=out)
    last = finetuned / "checkpoints" / "last.pt"
    one = CONFIG.model_copy(update={"segments": 1, "topk": (1,)})
    with pytest.raises(UsageError, match=r"eval holds results of another checkpoint, views, topk:"):
        evaluate(last, data=finished.folder, config=one, out=out)
    assert (out / "predictions.npz").stat().st_mtime_ns == written

    evaluate(finetuned, data=finished.folder, config=one, out=out, overwrite=True)

    assert json.loads((out / "summary.json").read_text())["views"] == {"segments": 1, "crops": 3}
    assert (out / "notes.txt").read_text() == "mine"


def test_require_replaceable_of_empty_or_foreign_folder_passes(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    require_replaceable(tmp_path, SUMMARY, (1,), overwrite=False)
    require_replaceable(tmp_path / "new", SUMMARY, (1,), overwrite=False)
    with pytest.raises(UsageError, match=r"notes\.txt is a file, expected a folder"):
        require_replaceable(tmp_path / "notes.txt", SUMMARY, (1,), overwrite=True)


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (json.dumps(SUMMARY), "the results of this evaluation"),
        (json.dumps(SUMMARY | {"split": "2", "top5": 1}), "results of another split, topk"),
        (json.dumps(SUMMARY | {"checkpoint": {"sha256": "b"}}), "results of another checkpoint"),
        (json.dumps(SUMMARY | {"checkpoint": "text"}), r"earlier results \(summary\.json\)"),
        ("{", r"earlier results \(summary\.json\)"),
    ],
)
def test_require_replaceable_names_what_differs(stored: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(stored)

    with pytest.raises(UsageError, match=f"holds {found}: replace them with --overwrite"):
        require_replaceable(tmp_path, SUMMARY, (1,), overwrite=False)
    require_replaceable(tmp_path, SUMMARY, (1,), overwrite=True)


def test_require_room_counts_the_probabilities(
    finished: PreparedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, entries = list[int](), finished.entries[:3]
    monkeypatch.setattr(
        "avme.evaluation.results_folder.try_write", lambda _, size: asked.append(size)
    )

    require_room(tmp_path, entries, 10)
    require_room(tmp_path, entries, 1010)

    assert asked[1] - asked[0] == 8 * len(entries) * 1000
