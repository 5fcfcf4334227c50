"""Evaluation counts every clip once, and its files agree with each other."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from einops import rearrange

from avme.artifacts import sha256_of
from avme.config import EvalConfig, FinetuneConfig
from avme.data.clips import ClipReader
from avme.data.crop import Box
from avme.data.prepared import PreparedSet
from avme.data.window import Window
from avme.errors import ArtifactError, MismatchError
from avme.stages.evaluate import evaluate
from avme.stages.finetune import build_classifier
from avme.train.checkpoint import load_checkpoint

EVALUATE = """
import sys
from pathlib import Path
from avme.config import EvalConfig
from avme.stages.evaluate import evaluate
config = EvalConfig(topk=(1, 2), workers=0, device="cpu")
evaluate(Path(sys.argv[1]), data=Path(sys.argv[2]), config=config, out=Path(sys.argv[3]))
"""
CONFIG = EvalConfig(topk=(1, 2), workers=0, device="cpu")


def test_the_summary_can_be_recomputed_from_the_predictions(
    finished: PreparedSet, finetuned: Path, tmp_path: Path
) -> None:
    result = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path / "eval")

    summary = json.loads((result.folder / "summary.json").read_text())
    with np.load(result.folder / "predictions.npz") as predictions:
        ids, label = predictions["id"].tolist(), predictions["label"]
        right = predictions["probability"].argmax(axis=1) == label
        audio = predictions["audio"]
    test = finished.part("1", "test")
    assert ids == [entry.id for entry in test]
    assert label.tolist() == [entry.label for entry in test]
    assert summary["top1"] == pytest.approx(right.mean())
    assert summary["top2"] == 1.0
    assert summary["n"] == len(test) == sum(part["n"] for part in summary["by_audio"].values())
    for state, part in summary["by_audio"].items():
        assert part["top1"] == pytest.approx(right[audio == state].mean())
    best = finetuned / "checkpoints" / "best.pt"
    assert summary["checkpoint"]["sha256"] == sha256_of(best)
    assert summary["train_list_sha256"] == finished.list_sha256("1", "train")


def test_every_distinct_view_of_a_clip_weighs_the_same(
    finished: PreparedSet, finetuned: Path, tmp_path: Path
) -> None:
    result = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path / "eval")

    # Windows span 8 frames. Five spread over 10 frames start at 0 0.5 1 1.5 2: three are distinct.
    starts = {10: (0, 1, 2), 8: (0,), 6: (0,), 2: (0,)}
    loaded = load_checkpoint(finetuned / "checkpoints" / "best.pt")
    model = build_classifier(FinetuneConfig.model_validate(loaded.config), 2).eval()
    model.load_state_dict(loaded.model)
    entries = finished.part("1", "test")
    reader = ClipReader(finished, entries, loaded.facts["mfcc"])
    with np.load(result.folder / "predictions.npz") as predictions:
        views, probability = predictions["views"].tolist(), predictions["probability"]
    assert views == [3 * len(starts[entry.num_frames]) for entry in entries]
    assert result.summary["distinct_views_per_clip"] == np.mean(views)
    assert max(views) == 9
    for entry, found in zip(entries, probability, strict=True):
        outputs = []
        for window in (Window(start, 4, 2) for start in starts[entry.num_frames]):
            for left in (0, 8, 16):
                box = Box(0, left, 32, 32)
                pictures = reader.squares(entry, window, [box], 16)[0]
                mfcc, valid = reader.sound(entry, window)
                video = rearrange(pictures, "t c h w -> 1 c t h w")
                with torch.inference_mode():
                    outputs.append(model(video, mfcc[None], valid[None]).softmax(dim=-1)[0])
        np.testing.assert_allclose(found, torch.stack(outputs).mean(dim=0), rtol=1e-4)


def test_tables_have_a_row_for_every_class(
    finished: PreparedSet, finetuned: Path, tmp_path: Path
) -> None:
    folder = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path).folder

    per_class = list(csv.DictReader((folder / "per_class.csv").read_text().splitlines()))
    confusion = list(csv.reader((folder / "confusion.csv").read_text().splitlines()))
    assert [row["class"] for row in per_class] == ["Archery", "Bowling"]
    assert sum(int(number) for row in confusion[1:] for number in row[1:]) == 4
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_it_says_the_same_twice_and_in_batches_of_any_size(
    finished: PreparedSet, finetuned: Path, tmp_path: Path
) -> None:
    found = []
    for name, batch in (("a", 1), ("b", 3)):
        config = CONFIG.model_copy(update={"batch": batch})
        out = evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / name).folder
        with np.load(out / "predictions.npz") as predictions:
            found.append(predictions["probability"])

    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


def test_without_a_folder_the_result_lies_in_the_run(
    finished: PreparedSet, finetuned: Path
) -> None:
    result = evaluate(finetuned, data=finished.folder, config=CONFIG)

    assert result.folder == finetuned / "eval" / "set-split1-test"


def test_every_file_of_a_run_gives_the_same_numbers(
    finished: PreparedSet, finetuned: Path, tmp_path: Path
) -> None:
    checkpoints = finetuned / "checkpoints"
    for name, file in (
        ("moved.safetensors", finetuned / "weights.safetensors"),
        ("moved.pt", checkpoints / "best.pt"),
    ):
        shutil.copy(file, tmp_path / name)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(finetuned / "weights.safetensors", alone)
    shutil.copy(finetuned / "status.json", alone)
    found = {}
    for path in (
        finetuned,
        checkpoints,
        checkpoints / "best.pt",
        finetuned / "weights.safetensors",
        tmp_path / "moved.safetensors",
        tmp_path / "moved.pt",
        alone,
    ):
        result = evaluate(path, data=finished.folder, config=CONFIG, out=tmp_path / "out")
        with np.load(result.folder / "predictions.npz") as predictions:
            found[path] = predictions["probability"]
        assert result.summary["checkpoint"]["step"] > 0
        assert result.summary["checkpoint"]["best_by_validation"]["top1"] >= 0
        assert result.summary["train_list_sha256"] == finished.list_sha256("1", "train")

    for probability in found.values():
        np.testing.assert_array_equal(probability, found[finetuned])


def test_results_of_a_file_from_elsewhere_lie_below_runs(
    finished: PreparedSet, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(finetuned / "weights.safetensors", "mine.safetensors")

    result = evaluate(Path("mine.safetensors"), data=finished.folder, config=CONFIG)

    assert result.folder == Path("runs/eval-mine/set-split1-test")


def test_a_pretrained_encoder_has_nothing_to_evaluate(
    finished: PreparedSet, pretrained: Path
) -> None:
    with pytest.raises(MismatchError, match="avme finetune"):
        evaluate(pretrained, data=finished.folder, config=CONFIG)


def test_a_checkpoint_of_other_classes_is_refused(
    finetuned: Path,
    run_prep: Callable[..., PreparedSet],
    make_video: Callable[..., Path],
    tmp_path: Path,
) -> None:
    for group in (1, 8):
        for name in ("Cricket", "Diving"):
            make_video(tmp_path / "other" / name / f"v_{name}_g{group:02d}_c01.avi", frames=3)
    other = run_prep(tmp_path / "other", tmp_path)

    with pytest.raises(MismatchError, match=r"only there: Archery, Bowling, only here: Cricket"):
        evaluate(finetuned, data=other.folder, config=CONFIG)


def test_a_test_list_that_holds_clips_of_training_is_refused(
    finished: PreparedSet, finetuned: Path
) -> None:
    with pytest.raises(MismatchError, match=r"test clips of split 2 were trained on"):
        evaluate(finetuned, data=finished.folder, split="2", config=CONFIG)


def test_a_missing_checkpoint_is_named(finished: PreparedSet, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere\.pt does not exist"):
        evaluate(tmp_path / "nowhere.pt", data=finished.folder, config=CONFIG)


@pytest.mark.parametrize("world", [2, 3])
def test_any_number_of_processes_counts_every_clip_once(
    world: int,
    finished: PreparedSet,
    finetuned: Path,
    run_ranks: Callable[..., None],
    tmp_path: Path,
) -> None:
    alone = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path / "alone")

    run_ranks(world, EVALUATE, str(finetuned), str(finished.folder), str(tmp_path / "shared"))

    summary = json.loads((tmp_path / "shared" / "summary.json").read_text())
    alike = {"cross_entropy": pytest.approx(alone.summary["cross_entropy"], rel=1e-6)}
    assert summary == alone.summary | alike
    ours, theirs = (np.load(tmp_path / name / "predictions.npz") for name in ("shared", "alone"))
    with ours, theirs:
        assert ours["id"].tolist() == theirs["id"].tolist()
        np.testing.assert_allclose(ours["probability"], theirs["probability"], rtol=1e-6)
