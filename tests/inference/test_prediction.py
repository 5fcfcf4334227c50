"""Predictions: ranks, timelines and records."""

import json

import numpy as np
import pytest

from avme.inference.prediction import Prediction, WindowScores, rank


def window(index: int, start: float, label: str, probability: float) -> WindowScores:
    return WindowScores(
        index=index,
        start_seconds=start,
        end_seconds=start + 2.0,
        top=((label, probability), ("z", 0.1)),
        has_audio=True,
    )


def prediction(*windows: WindowScores) -> Prediction:
    return Prediction(
        name="a.mp4",
        classes=("a", "b", "z"),
        probability=np.array([0.2, 0.7, 0.1]),
        windows=windows,
        num_views=len(windows),
        seconds=8.0,
        audio="audible",
        notes=("odd",),
    )


def test_rank_orders_by_probability_and_keeps_ties_in_order() -> None:
    assert rank(("a", "b", "c"), np.array([0.25, 0.5, 0.25]), 9) == (
        ("b", 0.5),
        ("a", 0.25),
        ("c", 0.25),
    )


def test_label_is_the_most_probable_class() -> None:
    made = prediction(window(0, 0.0, "a", 0.9))

    assert made.label == "b"
    assert [name for name, _ in made.top(2)] == ["b", "a"]


def test_timeline_joins_windows_of_one_class() -> None:
    made = prediction(window(0, 0.0, "a", 0.9), window(1, 2.0, "a", 0.5), window(2, 4.0, "b", 0.8))
    first, second = made.timeline()

    assert (first.label, first.start_seconds, first.end_seconds) == ("a", 0.0, 4.0)
    assert first.num_windows == 2
    assert first.probability == pytest.approx(0.7)
    assert (second.label, second.start_seconds, second.end_seconds) == ("b", 4.0, 6.0)


def test_timeline_divides_overlaps_and_leaves_gaps() -> None:
    made = prediction(window(0, 0.0, "a", 0.9), window(1, 1.0, "b", 0.5), window(2, 6.0, "a", 0.8))

    times = [(span.start_seconds, span.end_seconds) for span in made.timeline()]
    assert times == [(0.0, 1.5), (1.5, 3.0), (6.0, 8.0)]


def test_as_record_is_json_with_windows() -> None:
    record = json.loads(json.dumps(prediction(window(0, 0.0, "a", 1 / 3)).as_record(1)))

    assert record["file"] == "a.mp4"
    assert record["top"] == [{"class": "b", "probability": 0.7}]
    assert record["windows"] == [
        {
            "start": 0.0,
            "end": 2.0,
            "has_audio": True,
            "top": [{"class": "a", "probability": 0.333333}],
        }
    ]
    assert record["timeline"][0]["class"] == "a"
    assert record["notes"] == ["odd"]
