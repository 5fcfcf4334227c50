"""Evaluation counts every clip once, and its files agree with each other."""

import csv
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from einops import rearrange
from PIL import Image

from avme.checkpoint.file import load_checkpoint, save_checkpoint
from avme.config import EvalConfig, FinetuneConfig
from avme.data.crop import Box
from avme.data.dataset import ClipReader
from avme.data.temporal_sampling import Window
from avme.errors import ArtifactError, MismatchError, StoppedBySignal, UsageError
from avme.evaluation.dataset import require_unseen
from avme.evaluation.results import _csv
from avme.io.atomic import write_text
from avme.io.hashing import sha256_of
from avme.models.classifier import build_classifier
from avme.progress import NullReporter, Task
from avme.shards.dataset import PreparedDataset, split_path
from avme.stages.evaluate import evaluate

pytestmark = pytest.mark.slow

EVALUATE = """
import sys
from pathlib import Path
from avme.config import EvalConfig
from avme.stages.evaluate import evaluate
config = EvalConfig(topk=(1, 2), num_workers=0, device="cpu")
evaluate(Path(sys.argv[1]), data=Path(sys.argv[2]), config=config, out=Path(sys.argv[3]))
"""
CONFIG = EvalConfig(topk=(1, 2), num_workers=0, device="cpu")


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


def test_the_summary_can_be_recomputed_from_the_predictions(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    result = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path / "eval")

    summary = json.loads((result.folder / "summary.json").read_text())
    with np.load(result.folder / "predictions.npz") as predictions:
        ids, label = predictions["id"].tolist(), predictions["label"]
        right = predictions["probability"].argmax(axis=1) == label
        audio = predictions["audio"]
    test = finished.subset("1", "test")
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
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    result = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path / "eval")

    # Windows span 8 frames. Five spread over 10 frames start at 0 0.5 1 1.5 2: three are distinct.
    starts = {10: (0, 1, 2), 8: (0,), 6: (0,), 2: (0,)}
    loaded = load_checkpoint(finetuned / "checkpoints" / "best.pt")
    model = build_classifier(FinetuneConfig.model_validate(loaded.config), 2).eval()
    model.load_state_dict(loaded.model)
    entries = finished.subset("1", "test")
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
                pictures = reader.read_crops(entry, window, [box], 16)[0]
                mfcc, valid = reader.audio(entry, window)
                video = rearrange(pictures, "t c h w -> 1 c t h w")
                with torch.inference_mode():
                    outputs.append(model(video, mfcc[None], valid[None]).softmax(dim=-1)[0])
        np.testing.assert_allclose(found, torch.stack(outputs).mean(dim=0), rtol=1e-4)


def test_tables_have_a_row_for_every_class(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    folder = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path).folder

    per_class = list(csv.DictReader((folder / "per_class.csv").read_text().splitlines()))
    confusion = list(csv.reader((folder / "confusion.csv").read_text().splitlines()))
    assert [row["class"] for row in per_class] == ["Archery", "Bowling"]
    assert sum(int(number) for row in confusion[1:] for number in row[1:]) == 4
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_it_says_the_same_twice_and_in_batches_of_any_size(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    found = []
    for name, batch in (("a", 1), ("b", 3)):
        config = CONFIG.model_copy(update={"batch_size": batch})
        out = evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / name).folder
        with np.load(out / "predictions.npz") as predictions:
            found.append(predictions["probability"])

    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


def test_results_lie_in_the_run_in_a_folder_for_every_kind_of_evaluation(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finetuned, tmp_path / "run"))
    one = CONFIG.model_copy(update={"segments": 1, "crops": 1})
    last = run / "checkpoints" / "last.pt"

    folders = [
        evaluate(run, data=finished.folder, config=CONFIG).folder,
        evaluate(run, data=finished.folder, config=one).folder,
        evaluate(last, data=finished.folder, config=one).folder,
        evaluate(
            run, data=finished.folder, config=one.model_copy(update={"subset": "train"})
        ).folder,
    ]

    names = ["test-best-5x3", "test-best-1x1", "test-last-1x1", "train-best-1x1"]
    assert folders == [run / "eval" / f"set-split1-{name}" for name in names]
    assert all((folder / "summary.json").is_file() for folder in folders)


def test_the_same_evaluation_is_replaced_only_on_request(
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


class Signalling(NullReporter):
    """Sends this process a signal as soon as clips are scored."""

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        os.kill(os.getpid(), signal.SIGTERM)
        with super().task(title, total, done) as task:
            yield task


def test_a_signal_ends_it_with_nothing_written(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoppedBySignal, match="stopped by SIGTERM, nothing was written"):
        evaluate(finetuned, data=finished.folder, out=tmp_path / "eval", report=Signalling())

    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_fails_is_a_warning_after_all_results(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, told, out = Listening(), list[bool](), tmp_path / "eval"
    evaluate(finetuned, data=finished.folder, config=CONFIG, out=out)
    (out / "summary.json").unlink()

    def fail(*_: object) -> None:
        assert (out / "summary.json").is_file()
        assert told == [False]
        raise ValueError("no such glyph")

    monkeypatch.setattr("avme.evaluation.results.draw_confusion", fail)
    result = evaluate(
        finetuned,
        data=finished.folder,
        config=CONFIG,
        out=out,
        overwrite=True,
        report=report,
        tell=lambda summary: told.append((out / "summary.json").exists()),
    )

    warning = f"warning: {out / 'confusion.png'} was not drawn (ValueError: no such glyph)"
    assert [line for line in report.lines if line.startswith(warning)]
    assert json.loads((out / "summary.json").read_text())["top1"] == result.summary["top1"]
    assert not (out / "confusion.png").exists()


def test_tables_for_people_hold_no_formula() -> None:
    rows: list[list[Any]] = [
        ["class", "n"],
        ["=HYPERLINK(1)", -0.5],
        ["@a", "-0.5"],
        ["射箭", 1],
        ["\uff1d1", 2],
        ["\x1b[2J", 3],
    ]

    text = _csv(rows)

    assert [row[0] for row in csv.reader(text.splitlines())] == [
        *("class", "'=HYPERLINK(1)", "'@a", "射箭", "'\uff1d1", "\\x1b[2J"),
    ]
    assert [row[1] for row in csv.reader(text.splitlines())] == ["n", "-0.5", "-0.5", *"123"]


def test_without_a_name_the_checkpoint_finds_its_own_dataset_among_several(
    reseal: Callable[..., None],
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path(shutil.copytree(finished.folder, tmp_path / "data" / "renamed"))
    other = Path(shutil.copytree(finished.folder, tmp_path / "data" / "other"))
    reseal(other, name="other", fingerprint="0" * 64)
    report = Listening()

    result = evaluate(finetuned, config=CONFIG, out=tmp_path / "eval", report=report)

    assert report.lines == [
        f"scoring {own.relative_to(tmp_path)}",
        "top-2 is 100 % for any classifier: the classifier has 2 classes",
    ]
    assert result.summary["fingerprint"] == finished.fingerprint

    report = Listening()
    evaluate(finetuned, data=other, config=CONFIG, out=tmp_path / "other", report=report)
    (warning,) = [line for line in report.lines if line.startswith("warning")]
    assert "is other (fingerprint 00000000), the classifier was trained on set (fing" in warning


def test_a_copy_of_the_dataset_under_another_name_still_refuses_clips_of_training(
    reseal: Callable[..., None], finished: PreparedDataset, finetuned: Path, folder: Path
) -> None:
    reseal(folder, name="copy")

    with pytest.raises(MismatchError, match=r"test clips of split 2 were trained on"):
        evaluate(finetuned, data=folder, split="2", config=CONFIG)


@pytest.mark.parametrize(
    ("topk", "kept", "line"),
    [
        ((1, 5), ["top1"], "top-5 left out: the classifier has 2 classes"),
        ((1, 3, 1, 9), ["top1"], "top-3, top-9 left out: the classifier has 2 classes"),
        ((2,), ["top2"], "top-2 is 100 % for any classifier: the classifier has 2 classes"),
    ],
)
def test_ranks_beyond_the_classes_are_left_out_with_a_note(
    topk: tuple[int, ...],
    kept: list[str],
    line: str,
    finished: PreparedDataset,
    finetuned: Path,
    tmp_path: Path,
) -> None:
    report, config = Listening(), CONFIG.model_copy(update={"topk": topk, "segments": 1})

    summary = evaluate(
        finetuned, data=finished.folder, config=config, out=tmp_path / "eval", report=report
    ).summary

    assert [key for key in summary if key.startswith("top")] == kept
    assert report.lines == [line]
    header = (tmp_path / "eval" / "per_class.csv").read_text().splitlines()[0]
    assert header == f"class,n,{','.join(kept)}"


def test_ranks_that_are_all_beyond_the_classes_are_refused(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"topk": (3, 5)})

    with pytest.raises(
        UsageError, match=r"the classifier has 2 classes \(got top-3, top-5\): .* 2 or less"
    ):
        evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / "eval")
    assert not (tmp_path / "eval").exists()


def test_classes_that_only_the_test_list_has_bound_top1(
    reseal: Callable[..., None],
    finetuned: Path,
    finished: PreparedDataset,
    folder: Path,
    tmp_path: Path,
) -> None:
    train = split_path(folder, "1", "train")
    kept = [line for line in train.read_text().splitlines() if "Archery" not in line]
    write_text(train, "".join(f"{line}\n" for line in kept))
    reseal(folder)
    loaded = load_checkpoint(finetuned / "checkpoints" / "best.pt")
    sha256 = hashlib.sha256(train.read_bytes()).hexdigest()
    facts = loaded.facts | {"train_list_sha256": sha256}
    save_checkpoint(tmp_path / "best.pt", replace(loaded, facts=facts))
    report = Listening()

    summary = evaluate(
        tmp_path / "best.pt", data=folder, config=CONFIG, out=tmp_path / "eval", report=report
    ).summary

    tested = [entry.class_name for entry in finished.subset("1", "test")]
    assert (tested.count("Archery"), len(tested)) == (2, 4)
    assert (summary["untrained_classes"], summary["highest_top1"]) == (["Archery"], 0.5)
    (warning,) = [line for line in report.lines if line.startswith("warning")]
    assert "1 of 2 classes have no training clip (Archery): 2 of 4 clips cannot be" in warning
    assert "at most 50.00 %" in warning


def test_a_list_of_one_class_is_told(
    reseal: Callable[..., None], finetuned: Path, folder: Path, tmp_path: Path
) -> None:
    test = split_path(folder, "1", "test")
    kept = [line for line in test.read_text().splitlines() if "Archery" in line]
    write_text(test, "".join(f"{line}\n" for line in kept))
    reseal(folder)
    report = Listening()

    evaluate(finetuned, data=folder, config=CONFIG, out=tmp_path / "eval", report=report)

    assert any("all 2 clips are of one class (Archery)" in line for line in report.lines)


def test_the_confusion_matrix_names_dataset_run_and_figure(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    result = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path / "eval")

    with Image.open(tmp_path / "eval" / "confusion.png") as image:
        title = image.info["Title"]
    step = result.summary["checkpoint"]["step"]
    top1 = f"top-1 {100 * result.summary['top1']:.2f} %"
    assert title == (
        f"set, split 1, test: {top1}, top-2 100.00 % of n = 4 clips\n"
        f"finetune, best.pt at step {step}, modality av, 5 x 3 views"
    )


def test_every_file_of_a_run_gives_the_same_numbers(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
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
        out = tmp_path / "out"
        result = evaluate(path, data=finished.folder, config=CONFIG, out=out, overwrite=True)
        with np.load(result.folder / "predictions.npz") as predictions:
            found[path] = predictions["probability"]
        assert result.summary["checkpoint"]["step"] > 0
        assert result.summary["checkpoint"]["best_by_validation"]["top1"] >= 0
        assert result.summary["train_list_sha256"] == finished.list_sha256("1", "train")

    for probability in found.values():
        np.testing.assert_array_equal(probability, found[finetuned])


def test_results_of_a_file_from_elsewhere_lie_below_runs(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(finetuned / "weights.safetensors", "mine.safetensors")

    result = evaluate(Path("mine.safetensors"), data=finished.folder, config=CONFIG)

    assert result.folder == Path("runs/eval-mine/set-split1-test-mine-5x3")


def test_a_pretrained_encoder_has_nothing_to_evaluate(
    finished: PreparedDataset, pretrained: Path
) -> None:
    with pytest.raises(MismatchError, match="avme finetune"):
        evaluate(pretrained, data=finished.folder, config=CONFIG)


def test_a_checkpoint_of_other_classes_is_refused(
    finetuned: Path,
    run_prep: Callable[..., PreparedDataset],
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
    finished: PreparedDataset, finetuned: Path
) -> None:
    with pytest.raises(MismatchError, match=r"test clips of split 2 were trained on"):
        evaluate(finetuned, data=finished.folder, split="2", config=CONFIG)


def test_a_missing_checkpoint_is_named(finished: PreparedDataset, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere\.pt does not exist"):
        evaluate(tmp_path / "nowhere.pt", data=finished.folder, config=CONFIG)


@pytest.mark.parametrize("world", [2, 3])
def test_any_number_of_processes_counts_every_clip_once(
    world: int,
    finished: PreparedDataset,
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


def test_weights_that_name_the_set_and_no_split_are_refused(finished: PreparedDataset) -> None:
    entries = finished.subset("1", "test")

    with pytest.raises(MismatchError, match="list of split None differs"):
        require_unseen(entries, finished, {"dataset": finished.name}, "1")
