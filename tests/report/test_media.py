"""Clips are embedded by what a reader wants to see, within the budget."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avme.evaluation.predictions import Predictions, read_predictions
from avme.report.media import embed_clips, order_of_clips
from avme.shards.dataset import PreparedDataset

MakeResults = Callable[..., Path]


def test_order_of_clips_takes_the_surest_of_each_cell_first(
    make_results: MakeResults, tmp_path: Path
) -> None:
    found = read_predictions(make_results(tmp_path / "a"))

    order = order_of_clips(found)

    predicted = found.probability.argmax(axis=1)
    cells = [(int(found.label[at]), int(predicted[at])) for at in order]
    assert cells[:3] == [(2, 0), (0, 0), (1, 1)]  # the wrong cell first
    assert sorted(order) == list(range(12))
    surest = [
        max(np.flatnonzero(found.label == c), key=lambda n: found.probability[n].max())
        for c in (2, 0, 1)
    ]
    assert order[:3] == [int(at) for at in surest]


@pytest.mark.parametrize(
    ("data", "budget", "line"),
    [
        (None, 100, "dataset set is not at hand"),
        (Path("nowhere"), 100, "prepared set nowhere is missing"),
        (Path("nowhere"), 0, "the media budget is used up"),
    ],
)
def test_embed_clips_without_dataset_or_budget_says_why(
    data: Path | None, budget: int, line: str, make_results: MakeResults, tmp_path: Path
) -> None:
    media, used = embed_clips(read_predictions(make_results(tmp_path / "a")), data, budget)

    assert (media.videos, used) == ({}, 0)
    assert line in media.note


def predictions_of(prepared: PreparedDataset, make: MakeResults, folder: Path) -> Predictions:
    ids = [entry.id for entry in prepared.entries]
    made = make(folder, clips=ids, count=len(ids), fingerprint=prepared.fingerprint)
    return read_predictions(made)


@pytest.mark.slow
def test_embed_clips_stops_at_the_budget(
    finished: PreparedDataset, make_results: MakeResults, tmp_path: Path
) -> None:
    found = predictions_of(finished, make_results, tmp_path / "a")

    every, used = embed_clips(found, finished.folder, 10_000_000)
    some, less = embed_clips(found, finished.folder, used - 1)

    assert set(every.videos) == set(range(len(found.id)))
    assert used == sum(map(len, every.videos.values()))
    assert 0 < len(some.videos) < len(every.videos)
    assert less < used
    assert some.note.startswith(f"{len(some.videos)} of {len(found.id)} clips play here")


def test_embed_clips_of_a_dataset_prepared_anew_embeds_none(
    finished: PreparedDataset, make_results: MakeResults, tmp_path: Path
) -> None:
    media, _ = embed_clips(read_predictions(make_results(tmp_path / "a")), finished.folder, 100)

    assert media.videos == {}
    assert "was prepared anew since" in media.note
