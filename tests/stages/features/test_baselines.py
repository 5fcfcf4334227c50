"""Baselines show which part of a clip gives its class away."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from avme.audio.loudness import AudioState
from avme.features.clip_statistics import ClipStatistics
from avme.progress import NullReporter
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.stages.features.baselines import MODELS, measure_baselines, measure_split

Found = dict[str, float]


def make_entries(name: str, label: np.ndarray, audio: AudioState = "audible") -> list[ClipEntry]:
    """Return clips in groups of two."""
    return [
        ClipEntry(
            f"{name}{n}", f"class {k}", k, f"{name}{n // 2}", 8, Fraction(25), 64, 64, audio, "0", n
        )
        for n, k in enumerate(label.tolist())
    ]


class Counter(NullReporter):
    """Task that counts, and reporter that collects lines."""

    def __init__(self) -> None:
        self.done, self.lines = 0, list[str]()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps

    def log(self, line: str) -> None:
        self.lines.append(line)


def top1(color: float, audio: float, missing: float = 0.0) -> tuple[Found, dict[str, object]]:
    """Return top-1 of a set of 3 classes whose features differ that much, and the whole result.

    `missing` is the fraction of clips without audio.
    """
    rng, classes = np.random.default_rng(0), 3
    label = np.repeat(rng.integers(0, classes, 60), 2)
    shape = (len(label), 4)
    colors, mfcc = (
        (rng.normal(size=shape) + by * np.eye(4)[label]).astype(np.float32) for by in (color, audio)
    )
    has_audio = rng.random(len(label)) >= missing
    mfcc[~has_audio] = np.nan
    mfcc = np.concatenate([mfcc, has_audio[:, None].astype(np.float32)], axis=1)
    entries = make_entries("c", label)
    statistics = ClipStatistics({e.id: n for n, e in enumerate(entries)}, colors, mfcc)
    task = Counter()
    found = measure_split(
        entries[:80], entries[80:], statistics, num_classes=classes, task=task, report=task
    )
    assert (task.done, task.lines) == (21, [])
    return {name: found["models"][name]["top1"] for name in MODELS}, found


def test_measure_split_where_color_decides_finds_color() -> None:
    found, _ = top1(color=8.0, audio=0.0)

    assert found["mean colors"] == found["both"] == 1.0
    assert found["MFCC statistics"] < 0.6


def test_measure_split_where_audio_decides_finds_audio() -> None:
    found, _ = top1(color=0.0, audio=8.0)

    assert found["MFCC statistics"] == found["both"] == 1.0
    assert found["mean colors"] < 0.6


def test_measure_split_where_nothing_decides_is_at_chance() -> None:
    _, result = top1(color=0.0, audio=0.0)

    assert result["chance"] == pytest.approx(1 / 3)
    assert (result["train"], result["test"]) == (80, 40)
    for model in result["models"].values():  # type: ignore[attr-defined]
        low, high = model["intervals"]["top1"]
        assert low <= 1 / 3 <= high
        assert high - low < 0.4
        assert model["validation_clips"] > 0


def test_measure_split_with_clips_without_audio_scores_them_too() -> None:
    found, result = top1(color=0.0, audio=8.0, missing=0.5)

    assert 0.5 < found["MFCC statistics"] < 0.95  # half is right, a third of the others by chance
    assert result["test"] == 40


def test_measure_split_without_groups_to_hold_out_counts_every_step() -> None:
    entries = make_entries("c", np.array([0, 0, 1, 1]))
    statistics = ClipStatistics(
        {entry.id: n for n, entry in enumerate(entries)},
        np.array([[0.0], [0.1], [1.0], [1.1]], dtype=np.float32),
        np.array([[np.nan, 0.0]] * 4, dtype=np.float32),
    )
    task = Counter()

    found = measure_split(entries, entries, statistics, num_classes=2, task=task, report=task)[
        "models"
    ]

    assert task.done == 21
    assert (found["mean colors"]["top1"], found["mean colors"]["validation"]) == (1.0, [])


@pytest.mark.slow
def test_measure_baselines_reads_every_split(finished: PreparedDataset) -> None:
    found = measure_baselines(finished, NullReporter())

    assert list(found) == ["1", "2", "3"]
    assert {split: (each["train"], each["test"]) for split, each in found.items()} == {
        "1": (8, 4),
        "2": (8, 4),
        "3": (8, 4),
    }


@pytest.mark.slow
def test_measure_baselines_without_two_classes_has_no_result(
    finished: PreparedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {entry.id: replace(entry, label=0, class_name="Archery") for entry in finished.entries}
    listed: Callable[..., tuple[ClipEntry, ...]] = finished.subset

    class OneClass(PreparedDataset):
        def subset(self, *args: object, **options: object) -> tuple[ClipEntry, ...]:
            return tuple(one[entry.id] for entry in listed(*args, **options))

    found = measure_baselines(OneClass(finished.folder, finished.manifest), NullReporter())

    assert found == {"1": None, "2": None, "3": None}
