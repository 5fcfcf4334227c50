"""The warm-up of a short run: limited unless it was asked for, everywhere the same."""

from pathlib import Path
from typing import Any

import pytest

from avme.bench.run_estimate import DatasetSize, derive
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import RECIPES, STAGES, preset, sources_of
from avme.config.resolve import from_yaml, resolve, to_yaml
from avme.config.warmup import warmup_warning
from avme.train.schedule import build_schedule


@pytest.mark.parametrize(("epochs", "warmup"), [(1, 0.1), (20, 2.0), (40, 4.0), (400, 40.0)])
def test_warmup_default_of_short_run_is_at_most_a_tenth(epochs: int, warmup: float) -> None:
    settings = resolve(PretrainConfig, flags={"train.epochs": epochs})

    assert settings.optim.warmup_epochs == pytest.approx(warmup)
    assert warmup_warning(settings.optim, settings.train) is None


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", RECIPES)
def test_warmup_of_preset_keeps_its_length_and_its_share_of_fewer_epochs(
    stage: str, name: str
) -> None:
    given = preset(stage, name)
    warmup, epochs = given["optim"]["warmup_epochs"], given["train"]["epochs"]

    whole = resolve(STAGES[stage], preset=given)
    short = resolve(STAGES[stage], preset=given, sets=["train.epochs=4"])

    assert isinstance(whole, PretrainConfig | FinetuneConfig)
    assert isinstance(short, PretrainConfig | FinetuneConfig)
    assert whole.optim.warmup_epochs == warmup
    assert short.optim.warmup_epochs == pytest.approx(4 * max(0.1, warmup / epochs))
    source = sources_of(stage, name, short)["optim.warmup_epochs"]
    assert source == f"{warmup:g} in the recipe, limited by train.epochs"


@pytest.mark.slow
def test_warmup_of_20_epochs_ends_at_the_lowest_rate() -> None:
    settings = resolve(PretrainConfig, flags={"train.epochs": 20})

    schedule = build_schedule(settings.optim, settings.train.batch_size, 20, steps_per_epoch=50)
    derived = derive(settings, 101, DatasetSize(9537))

    assert schedule.warmup_steps == 100
    assert schedule.rate(999) < 1.01 * schedule.floor
    assert derived.steps is not None
    assert derived.steps.warmup == 2 * derived.steps.per_epoch


@pytest.mark.parametrize("way", ["file", "sets", "flags", "base"])
def test_warmup_warning_keeps_a_requested_warmup(way: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("optim: {warmup_epochs: 40}\n")
    asked: dict[str, Any] = {
        "file": file,
        "sets": ["optim.warmup_epochs=40"],
        "flags": {"optim.warmup_epochs": 40},
        "base": {"optim": {"warmup_epochs": 40}},
    }
    layers: dict[str, Any] = {"flags": {"train.epochs": 20}} | {way: asked[way]}
    if way == "flags":
        layers["flags"] |= {"train.epochs": 20}

    settings = resolve(PretrainConfig, **layers)

    assert settings.optim.warmup_epochs == 40
    warning = warmup_warning(settings.optim, settings.train)
    assert warning is not None
    assert "rises for 20 of 20 epochs" in warning


def test_warmup_of_extended_run_is_that_of_its_start() -> None:
    begun = resolve(PretrainConfig, flags={"train.epochs": 20})

    again = resolve(PretrainConfig, base=begun.model_dump(), flags={"train.epochs": 40})

    assert again.optim.warmup_epochs == begun.optim.warmup_epochs == 2.0
    assert from_yaml(PretrainConfig, to_yaml(begun)) == begun
