"""The probe during pretraining: its figures, and a run that does not feel it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.neighbors import KNeighborsClassifier
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from avme.config import PretrainConfig
from avme.config.resolve import to_yaml
from avme.errors import ConfigError, StoppedBySignal
from avme.features.extract import ClipFeatures, FeatureOptions
from avme.features.knn import TEMPERATURE
from avme.features.linear_probe import HELD_OUT, SEED
from avme.features.online import knn_figures
from avme.features.source import load_features
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.sources.split_strategies import hold_out
from avme.stages.pretrain import pretrain
from avme.train.metrics.loggers import read_metrics

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., PretrainConfig]
STAGES = ("visual", "audio", "fused")


def probes(run: Path) -> list[dict[str, Any]]:
    return [line for line in read_metrics(run / "metrics.jsonl") if line["kind"] == "validation"]


@pytest.fixture(scope="module")
def probed(
    finished: PreparedDataset,
    make_pretrain_config: MakeConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A run with a probe every three of four epochs; not to be changed."""
    out = tmp_path_factory.mktemp("probed") / "run"
    config = make_pretrain_config(probe_every_epochs=3)
    return pretrain(config, data=finished.folder, out=out, preset="tiny")


def test_probe_is_logged_every_few_epochs_and_at_the_end(probed: Path) -> None:
    assert [(line["epoch"], line["step"]) for line in probes(probed)] == [(3, 6), (4, 8)]
    for line in probes(probed):
        assert {name for name in line if name.startswith("knn")} == {f"knn_{s}" for s in STAGES}
    board = EventAccumulator(str(probed / "tb")).Reload()
    assert [one.step for one in board.Scalars("validation/knn_fused")] == [6, 8]


def test_probe_does_not_change_what_is_learned(probed: Path, pretrained: Path) -> None:
    ours, theirs = (load_file(run / "weights.safetensors") for run in (probed, pretrained))

    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_probe_equals_scikit_learn_on_the_features_of_the_last_checkpoint(
    finished: PreparedDataset, probed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = finished.subset("1", "train")
    held = {entry.id for entry in hold_out(entries, HELD_OUT, SEED)[1]}
    options = FeatureOptions(data=finished.folder, stage="fused", workers=0, device="cpu")
    (copy := tmp_path / "last.pt").write_bytes((probed / "checkpoints/last.pt").read_bytes())
    monkeypatch.chdir(tmp_path)  # weights without a run have their features below runs/

    rows = load_features(copy, options, NullReporter()).rows("train")

    is_held = np.array([name in held for name in rows.id])
    gallery = rows.features[~is_held].astype(np.float64)
    oracle = KNeighborsClassifier(
        min(20, len(gallery)),
        metric="cosine",
        weights=lambda distance: np.exp((1.0 - distance) / TEMPERATURE),
        algorithm="brute",
    ).fit(gallery, rows.label[~is_held])
    top1 = oracle.score(rows.features[is_held].astype(np.float64), rows.label[is_held])
    assert probes(probed)[-1]["knn_fused"] == top1


class Stopping(NullReporter):
    """Reporter that stops the run after some steps, and keeps the notes."""

    def __init__(self, after: int) -> None:
        self.left, self.notes = after, list[str]()

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator["Stopping"]:
        yield self

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.notes.append(note)
        self.left -= steps
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


def test_run_that_is_stopped_and_resumed_has_the_same_weights_and_probes(
    finished: PreparedDataset, probed: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    config, stop = make_pretrain_config(probe_every_epochs=3), Stopping(7)
    given: dict[str, Any] = {"data": finished.folder, "out": tmp_path / "run", "preset": "tiny"}

    with pytest.raises(StoppedBySignal, match="step 7 of 8"):
        pretrain(config, report=stop, **given)
    run = pretrain(config, resume=True, **given)

    ours, theirs = (load_file(each / "weights.safetensors") for each in (run, probed))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert probes(run) == probes(probed)
    assert [note for note in stop.notes if "knn v " in note and " av " in note] == [stop.notes[5]]


def test_probe_on_two_processes_equals_that_on_one(
    finished: PreparedDataset,
    probed: Path,
    make_pretrain_config: MakeConfig,
    start: Callable[..., Any],
    tmp_path: Path,
) -> None:
    (settings := tmp_path / "settings.yaml").write_text(
        to_yaml(make_pretrain_config(probe_every_epochs=3))
    )
    argv = ["-m", "avme_cli", "pretrain", "--preset", "tiny", "--data", str(finished.folder)]
    argv += ["--config", str(settings), "--out", str(tmp_path / "two"), "--procs", "2"]

    made = start(argv)

    assert made.wait() == 0, made.said
    assert probes(tmp_path / "two") == probes(probed)


def test_probe_without_groups_to_hold_out_is_refused_before_training(
    run_prep: Callable[..., PreparedDataset],
    make_video: Callable[..., Path],
    make_pretrain_config: MakeConfig,
    tmp_path: Path,
) -> None:
    for group in (1, 8):
        make_video(tmp_path / f"in/A/v_A_g{group:02d}_c01.avi", frames=8)
    prepared = run_prep(tmp_path / "in", tmp_path / "out")

    with pytest.raises(ConfigError, match="no group of the train list can be held out"):
        pretrain(
            make_pretrain_config(probe_every_epochs=1), data=prepared.folder, out=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_figures_of_audio_count_clips_with_audio_only() -> None:
    features = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 0, 1]]
    label, held = np.array([0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 1, 1], dtype=bool)
    heard = np.array([1, 1, 1, 1, 0, 1], dtype=bool)
    found = ClipFeatures(np.arange(6), heard, {"visual": features, "audio": features})

    assert knn_figures(found, label, held, 2) == {"knn_visual": 0.5, "knn_audio": 1.0}
    silent = ClipFeatures(np.arange(6), np.zeros(6, dtype=bool), found.features)
    assert knn_figures(silent, label, held, 2) == {"knn_visual": 0.5}
