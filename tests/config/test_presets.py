"""Every preset is a valid set of settings, and asking for one asks for all of it."""

import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import RECIPES, STAGES, preset
from avme.config.resolve import resolve
from avme.errors import UsageError

EVERY = [(stage, name) for stage in STAGES for name in RECIPES]


@pytest.mark.parametrize(("stage", "name"), EVERY)
def test_preset_of_every_stage_is_valid(stage: str, name: str) -> None:
    resolve(STAGES[stage], preset=preset(stage, name))


@pytest.mark.parametrize("stage", STAGES)
def test_preset_base_is_the_defaults(stage: str) -> None:
    assert resolve(STAGES[stage], preset=preset(stage, "base")) == STAGES[stage]()


@pytest.mark.parametrize("name", RECIPES)
def test_preset_of_both_stages_has_the_same_model_and_window(name: str) -> None:
    before = resolve(PretrainConfig, preset=preset("pretrain", name))
    after = resolve(FinetuneConfig, preset=preset("finetune", name))

    assert before.model == after.model
    assert before.clip == after.clip


def test_preset_base_after_another_restores_the_defaults() -> None:
    tiny = preset("pretrain", "tiny")

    settings = resolve(PretrainConfig, base=tiny, preset=preset("pretrain", "base"))

    assert settings == PretrainConfig()


def test_preset_with_only_recipe_omits_model_and_clip() -> None:
    recipe = preset("finetune", "tiny", only_recipe=True)

    assert "head" in recipe
    assert not {"model", "clip"} & set(recipe)


def test_preset_with_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="no preset 'huge': choose from tiny, small"):
        preset("pretrain", "huge")
