"""Recipes: layers by stage, and the lists that they were made for."""

import pytest

from avme.config.presets import RECIPES
from avme.config.presets.recipe import UCF101, CitedValue, Recipe


def test_layer_of_recipe_is_that_of_the_stage() -> None:
    first, second = {"optim.lr": CitedValue(1, "a")}, {"optim.lr": CitedValue(2, "b")}

    made = Recipe(summary="x", pretrain=first, finetune=second)

    assert (made.layer("pretrain"), made.layer("finetune")) == (first, second)
    with pytest.raises(KeyError):
        made.layer("eval")


def test_facts_of_ucf101_are_those_of_split_1() -> None:
    """9,537 train clips of 101 classes, as the table of the dataset's authors has it."""
    assert (UCF101.train, UCF101.classes) == (9537, 101)


@pytest.mark.parametrize("name", RECIPES)
def test_held_out_clips_are_a_tenth_of_the_train_list(name: str) -> None:
    clips = RECIPES[name].clips
    if clips is not None and clips.held_out is not None:
        assert clips.held_out == pytest.approx(0.1 * clips.train, rel=0.5)
