"""Accuracies with intervals agree with counts."""

import numpy as np

from avme.evaluation.intervals import Groups
from avme.features.scores import ClassScores
from avme.features.top_k import tops_of


def make_scores(classes: int) -> ClassScores:
    rng = np.random.default_rng(0)
    label = rng.integers(0, classes, 60)
    return ClassScores(label, rng.dirichlet(np.ones(classes), 60))


def test_tops_of_many_classes_have_top1_and_top5_with_intervals() -> None:
    scores, groups = make_scores(9), Groups([f"g{n // 3}" for n in range(60)])

    tops = tops_of(scores, groups)

    assert tops.accuracy == {1: scores.top(1), 5: scores.top(5)}
    for k in (1, 5):
        assert tops.interval[k] == groups.interval(scores.correct(k))
        assert tops.interval[k].low < tops.accuracy[k] < tops.interval[k].high
    record = tops.as_record()
    assert record["top1"] == scores.top(1)
    assert record["intervals"]["top5"] == [tops.interval[5].low, tops.interval[5].high]


def test_tops_of_five_classes_have_no_top5() -> None:
    assert set(tops_of(make_scores(5), Groups(["g"] * 60)).accuracy) == {1}
