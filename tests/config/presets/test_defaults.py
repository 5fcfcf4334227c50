"""Every value that can decide a result says where it is from."""

import pytest

from avme.config.presets import RECIPES, STAGES, sources
from avme.config.presets.defaults import DEFAULT_SOURCES
from avme.config.resolve import leaf_fields


@pytest.mark.parametrize("stage", STAGES)
def test_default_sources_cover_every_setting_of_a_recipe(stage: str) -> None:
    touched = {key for recipe in RECIPES.values() for key in recipe.layer(stage)}

    assert touched <= set(DEFAULT_SOURCES[stage])


@pytest.mark.parametrize("stage", STAGES)
def test_sources_are_those_of_settings_that_exist(stage: str) -> None:
    assert set(DEFAULT_SOURCES[stage]) <= set(leaf_fields(STAGES[stage]))


@pytest.mark.parametrize("name", RECIPES)
def test_default_sources_are_non_empty_and_fit_a_line(name: str) -> None:
    for stage in STAGES:
        for key, source in sources(stage, name).items():
            assert 0 < len(source) <= 72, (key, source)
