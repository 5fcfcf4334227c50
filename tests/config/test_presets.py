"""Every preset is a valid set of settings, and asking for one asks for all of it."""

import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import RECIPES, STAGES, preset
from avme.config.resolve import resolve
from avme.errors import UsageError

EVERY = [(stage, name) for stage in STAGES for name in RECIPES]


@pytest.mark.parametrize(("stage", "name"), EVERY)
def test_every_preset_is_valid(stage: str, name: str) -> None:
    resolve(STAGES[stage], preset=preset(stage, name))


@pytest.mark.parametrize("stage", STAGES)
def test_base_is_the_defaults(stage: str) -> None:
    assert resolve(STAGES[stage], preset=preset(stage, "base")) == STAGES[stage]()


@pytest.mark.parametrize("name", RECIPES)
def test_both_stages_give_a_preset_the_same_network_and_window(name: str) -> None:
    before = resolve(PretrainConfig, preset=preset("pretrain", name))
    after = resolve(FinetuneConfig, preset=preset("finetune", name))

    assert before.model == after.model
    assert before.clip == after.clip


def test_asking_for_base_undoes_another_preset() -> None:
    tiny = preset("pretrain", "tiny")

    settings = resolve(PretrainConfig, base=tiny, preset=preset("pretrain", "base"))

    assert settings == PretrainConfig()


def test_only_the_recipe_leaves_model_and_clip_alone() -> None:
    recipe = preset("finetune", "tiny", only_recipe=True)

    assert "head" in recipe
    assert not {"model", "clip"} & set(recipe)


def test_a_preset_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="no preset 'huge': choose from tiny, small"):
        preset("pretrain", "huge")
