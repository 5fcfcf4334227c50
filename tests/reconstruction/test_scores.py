"""Means over clips, by model, statistics and audio."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.clip_inputs import ClipSource
from avme.reconstruction.comparison import Comparison, Panel
from avme.reconstruction.quality import Quality
from avme.reconstruction.scores import Scores


def test_rows_are_means_over_clips(
    make_autoencoder: Callable[..., Autoencoder], noise_clips: Callable[..., ClipSource]
) -> None:
    comparison, source, scores = Comparison([make_autoencoder()]), noise_clips(2), Scores()
    panels = [panel for index in range(2) for panel in comparison.panels(source, index)]
    for panel in panels:
        scores.add(panel)

    rows = scores.rows()

    first = rows[0]
    assert (first.kind, first.name, first.statistics) == ("model", "ours", "hidden")
    qualities = [panel.models[0].quality["hidden", "null"] for panel in panels]
    assert first.by_audio["null"].num_clips == 2
    assert first.by_audio["null"].psnr_db == pytest.approx(np.mean([q.psnr_db for q in qualities]))
    assert first.by_audio["null"].ssim == pytest.approx(np.mean([q.ssim for q in qualities]))


def test_rows_have_models_before_references_before_baselines(panel: Panel) -> None:
    scores = Scores()
    scores.add(panel)

    rows = scores.rows()

    kinds = [row.kind for row in rows]
    assert kinds == sorted(kinds, key=["model", "reference", "free"].index)
    assert [row.statistics for row in rows[:2]] == ["hidden", "visible"]
    (absent,) = [row for row in rows if row.reason]
    assert not absent.by_audio
    assert absent.name == "linear interpolation in time"


def test_mean_ssim_without_any_window_is_none(panel: Panel) -> None:
    scores = Scores()
    scores.add(replace(panel, models=(), baselines=(), flat=Quality(20.0, None)))
    scores.add(replace(panel, models=(), baselines=(), flat=Quality(10.0, None)))

    row = scores.rows()[0]

    assert row.by_audio[None].psnr_db == 15.0
    assert row.as_record()["scores"] == {"none": {"psnr_db": 15.0, "ssim": None, "num_clips": 2}}
