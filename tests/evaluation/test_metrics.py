"""Metrics of a list agree with those of its parts."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from avme.evaluation.intervals import Groups
from avme.evaluation.metrics import count_quarantined, summarize_scores
from avme.shards.dataset import ClipEntry
from avme.train.evaluator import EvalScores


@pytest.fixture
def make_entry() -> Callable[[int], ClipEntry]:
    def make(number: int) -> ClipEntry:
        return ClipEntry(
            id=f"A/{number}.avi",
            class_name="A",
            label=0,
            group=f"g{number // 5}",
            num_frames=16,
            fps=Fraction(25),
            width=32,
            height=32,
            audio="audible" if number % 3 else "none",
            shard="shard-00000.h5",
            row=number,
        )

    return make


def test_summary_has_the_accuracy_and_interval_of_each_audio_state(
    make_entry: Callable[[int], ClipEntry],
) -> None:
    draw = np.random.default_rng(0)
    entries = tuple(make_entry(number) for number in range(90))
    groups = Groups([entry.group for entry in entries])
    scores = EvalScores(
        label=draw.integers(0, 4, 90),
        probability=draw.dirichlet(np.ones(4), 90),
        views=np.full(90, 15),
        center=draw.dirichlet(np.ones(4), 90),
    )

    found = summarize_scores(scores, entries, (1, 2), groups)

    audio = np.array([entry.audio == "audible" for entry in entries])
    by_audio = found["by_audio"]
    assert list(by_audio) == ["audible", "none"]
    assert by_audio["audible"]["n"] + by_audio["none"]["n"] == found["n"] == 90
    assert by_audio["audible"]["top2"] == scores.top(2, audio)
    for row, among in ((found, np.ones(90, bool)), (by_audio["audible"], audio)):
        for k in (1, 2):
            interval = groups.interval(scores.correct(k), among)
            assert row["intervals"][f"top{k}"] == [interval.low, interval.high]
            assert interval.low <= row[f"top{k}"] <= interval.high
    assert found["interval_method"]["groups"] == 18
    assert found["distinct_views_per_clip"] == 15.0
    right = scores.center.argmax(axis=1) == scores.label
    assert found["center_view"]["top1"] == right.mean() != found["top1"]
    interval = groups.interval(right)
    assert found["center_view"]["intervals"]["top1"] == [interval.low, interval.high]


def test_summary_of_a_perfect_list_has_no_design_effect(
    make_entry: Callable[[int], ClipEntry],
) -> None:
    entries = tuple(make_entry(number) for number in range(10))
    sure = np.tile([0.9, 0.1], (10, 1))
    scores = EvalScores(np.zeros(10, np.int64), sure, np.ones(10, np.int64), sure)

    found = summarize_scores(scores, entries, (1,), Groups([entry.group for entry in entries]))

    assert found["design_effect"] == {"top1": None}
    assert found["intervals"]["top1"][1] == 1.0


def test_count_quarantined_takes_undecodable_clips_as_wrong() -> None:
    summary = {"n": 8, "top1": 0.5, "top5": 0.75}

    found = count_quarantined(summary, (1, 5), 2)

    assert found == {
        "quarantined": 2,
        "quarantined_as_wrong": {"n": 10, "top1": 4 / 10, "top5": 6 / 10},
    }
    assert count_quarantined(summary, (1,), 0)["quarantined_as_wrong"]["top1"] == 0.5
    assert count_quarantined(summary, (1,), None)["quarantined"] is None
