"""Evaluation: every clip once, files that agree with each other."""

import csv
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from einops import rearrange

from avme.checkpoint.file import load_checkpoint
from avme.config import EvalConfig, FinetuneConfig
from avme.data.clip_reader import ClipReader
from avme.data.crop import Box
from avme.data.temporal_sampling import Window
from avme.errors import ArtifactError, MismatchError, StoppedBySignal
from avme.io.atomic import write_text
from avme.io.hashing import list_sha256, sha256_of
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
config = EvalConfig(topk=(1, 2), list="train", num_workers=0, device="cpu")
evaluate(Path(sys.argv[1]), data=Path(sys.argv[2]), config=config, out=Path(sys.argv[3]))
"""
CONFIG = EvalConfig(topk=(1, 2), num_workers=0, device="cpu")


def test_evaluate_summary_follows_from_predictions(
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
    assert summary["signature"].endswith(
        f"|ckpt={sha256_of(best)[:8]}|list={finished.list_sha256('1', 'test')[:8]}"
        f"|train={finished.list_sha256('1', 'train')[:8]}"
    )
    with (result.folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ids
    assert [row["predicted1"] == row["class"] for row in rows] == right.tolist()
    assert {len(row) for row in rows} == {4 + 2 * 2}


def test_evaluate_averages_distinct_views_equally(
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


def test_evaluate_center_view_equals_evaluation_of_one_view(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    one = CONFIG.model_copy(update={"segments": 1, "crops": 1})

    many = evaluate(finetuned, data=finished.folder, config=CONFIG, out=tmp_path / "many").summary
    alone = evaluate(finetuned, data=finished.folder, config=one, out=tmp_path / "one").summary

    keys = ("n", "top1", "top2", "intervals", "design_effect")
    assert many["center_view"] == alone["center_view"] == {key: alone[key] for key in keys}


def test_evaluate_counts_clips_that_prep_could_not_decode(
    finetuned: Path, source: Path, run_prep: Callable[..., PreparedDataset], tmp_path: Path
) -> None:
    (source / "Archery" / "v_Archery_g01_c09.avi").write_bytes(b"no video")
    (source / "Archery" / "v_Archery_g08_c09.avi").write_bytes(b"no video")
    made = run_prep(source, tmp_path / "out", max_failed=0.5)

    summary = evaluate(finetuned, data=made.folder, config=CONFIG, out=tmp_path / "eval").summary
    part = CONFIG.model_copy(update={"subset": "audio"})
    audible = evaluate(finetuned, data=made.folder, config=part, out=tmp_path / "part").summary

    assert (summary["n"], summary["quarantined"]) == (4, 1)  # the other one is in the train list
    assert summary["quarantined_as_wrong"] == pytest.approx(
        {"n": 5, "top1": 0.8 * summary["top1"], "top2": 0.8}
    )
    assert audible["quarantined"] is None


def test_evaluate_in_other_batch_size_gives_same_probabilities(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    found = []
    for name, batch in (("a", 1), ("b", 3)):
        config = CONFIG.model_copy(update={"batch_size": batch})
        out = evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / name).folder
        with np.load(out / "predictions.npz") as predictions:
            found.append(predictions["probability"])

    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


def test_evaluate_without_out_writes_a_folder_per_kind_into_the_run(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finetuned, tmp_path / "run"))
    one = CONFIG.model_copy(update={"segments": 1, "crops": 1})
    last = run / "checkpoints" / "last.pt"

    folders = [
        evaluate(run, data=finished.folder, config=CONFIG).folder,
        evaluate(run, data=finished.folder, config=one).folder,
        evaluate(last, data=finished.folder, config=one).folder,
        evaluate(run, data=finished.folder, config=one.model_copy(update={"list": "train"})).folder,
    ]

    names = ["test-best-5x3", "test-best-1x1", "test-last-1x1", "train-best-1x1"]
    assert folders == [run / "eval" / f"set-split1-{name}" for name in names]
    assert all((folder / "summary.json").is_file() for folder in folders)


class Signalling(NullReporter):
    """Sends this process a signal as soon as clips are scored."""

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        os.kill(os.getpid(), signal.SIGTERM)
        with super().task(title, total, done) as task:
            yield task


def test_evaluate_stopped_by_signal_writes_nothing(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoppedBySignal, match="stopped by SIGTERM, nothing was written"):
        evaluate(finetuned, data=finished.folder, out=tmp_path / "eval", report=Signalling())

    assert list(tmp_path.iterdir()) == []


def test_evaluate_of_a_subset_equals_the_row_of_its_audio_state(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"list": "train"})
    everything = evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / "all")
    rows = everything.summary["by_audio"]
    with np.load(everything.folder / "predictions.npz") as predictions:
        state, probability = predictions["audio"], predictions["probability"]

    for subset, states in (("audio", ["audible"]), ("silent", ["silent", "none"])):
        part = config.model_copy(update={"subset": subset})
        result = evaluate(finetuned, data=finished.folder, config=part, out=tmp_path / subset)
        among = np.isin(state, states)
        assert result.summary["n"] == among.sum() == sum(rows[one]["n"] for one in states)
        assert list(result.summary["by_audio"]) == states
        with np.load(result.folder / "predictions.npz") as predictions:
            np.testing.assert_allclose(predictions["probability"], probability[among], rtol=1e-5)
            ids = predictions["id"].tolist()
        assert result.summary["list_sha256"] == list_sha256(ids)
        assert f"|set/1/train/{subset}|" in result.summary["signature"]
    assert everything.summary["list_sha256"] == finished.list_sha256("1", "train")


@pytest.mark.parametrize("modality", ["v", "a"])
def test_evaluate_of_one_modality_gives_the_other_no_content(
    modality: str, finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"modality": modality, "segments": 1, "crops": 1})

    result = evaluate(finetuned, data=finished.folder, config=config, out=tmp_path / "eval")

    loaded = load_checkpoint(finetuned / "checkpoints" / "best.pt")
    model = build_classifier(FinetuneConfig.model_validate(loaded.config), 2).eval()
    model.load_state_dict(loaded.model)
    entries = finished.subset("1", "test")
    reader = ClipReader(finished, entries, loaded.facts["mfcc"])
    with np.load(result.folder / "predictions.npz") as predictions:
        probability = predictions["probability"]
    for entry, found in zip(entries, probability, strict=True):
        window = Window(max(entry.num_frames - 8, 0) // 2, 4, 2)
        video = reader.read_crops(entry, window, [Box(0, 8, 32, 32)], 16)[0]
        mfcc, valid = reader.audio(entry, window)
        if modality == "v":
            valid = torch.zeros_like(valid)
        else:
            video = torch.tensor([124, 116, 104], dtype=torch.uint8)[:, None, None].expand_as(video)
        with torch.inference_mode():
            logits = model(rearrange(video, "t c h w -> 1 c t h w"), mfcc[None], valid[None])
        np.testing.assert_allclose(found, logits.softmax(dim=-1)[0], rtol=1e-4)
    assert f"|mod={modality}/av|" in result.summary["signature"]


def test_evaluate_of_any_file_of_a_run_gives_same_probabilities(
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


def test_evaluate_of_file_without_run_writes_below_runs(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(finetuned / "weights.safetensors", "mine.safetensors")

    result = evaluate(Path("mine.safetensors"), data=finished.folder, config=CONFIG)

    assert result.folder == Path("runs/eval-mine/set-split1-test-mine-5x3")


def test_evaluate_of_pretrain_run_is_refused(finished: PreparedDataset, pretrained: Path) -> None:
    with pytest.raises(MismatchError, match="avme finetune"):
        evaluate(pretrained, data=finished.folder, config=CONFIG)


def test_evaluate_with_other_classes_is_refused(
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


def test_evaluate_of_trained_clips_is_refused(finished: PreparedDataset, finetuned: Path) -> None:
    with pytest.raises(MismatchError, match=r"test clips of split 2 were trained on"):
        evaluate(finetuned, data=finished.folder, split="2", config=CONFIG)


def test_evaluate_of_missing_checkpoint_names_it(finished: PreparedDataset, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere\.pt does not exist"):
        evaluate(tmp_path / "nowhere.pt", data=finished.folder, config=CONFIG)


@pytest.mark.parametrize("world", [2, 3])
def test_evaluate_on_several_ranks_counts_every_clip_once(
    world: int,
    folder: Path,
    finetuned: Path,
    run_ranks: Callable[..., None],
    reseal: Callable[..., None],
    tmp_path: Path,
) -> None:
    train = split_path(folder, "1", "train")
    write_text(train, "".join(train.read_text().splitlines(keepends=True)[:7]))
    reseal(folder)
    config = CONFIG.model_copy(update={"list": "train"})
    alone = evaluate(finetuned, data=folder, config=config, out=tmp_path / "alone")

    run_ranks(world, EVALUATE, str(finetuned), str(folder), str(tmp_path / "shared"))

    assert alone.summary["n"] == 7

    summary = json.loads((tmp_path / "shared" / "summary.json").read_text())
    for part in (summary, alone.summary):
        part |= part.pop("calibration")
        part |= {f"risk {c}": risk for c, risk in part.pop("risk_at_coverage").items()}
    rounded = ("cross_entropy", "ece", "brier", "mean_confidence", "area_under_risk_coverage")
    alike = {name: pytest.approx(alone.summary[name], rel=1e-6) for name in rounded}
    assert summary == alone.summary | alike
    ours, theirs = (np.load(tmp_path / name / "predictions.npz") for name in ("shared", "alone"))
    with ours, theirs:
        assert ours["id"].tolist() == theirs["id"].tolist()
        np.testing.assert_allclose(ours["probability"], theirs["probability"], rtol=1e-6)
