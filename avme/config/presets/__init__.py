"""Named recipes for both training stages: networks by size, and those of papers, line by line.

A recipe is a layer over the defaults. A setting that it leaves out does not mean "leave it":
`preset` fills in every setting that any recipe of the stage touches, so that asking for base by
name really asks for base.
"""

from typing import Any, Final

from avme.config.base import Settings
from avme.config.dotted_keys import flatten, nest
from avme.config.finetune import FinetuneConfig
from avme.config.presets import cpu, paper, sizes, videomae
from avme.config.presets.defaults import DEFAULT_SOURCES
from avme.config.presets.recipe import CitedValue, DatasetFacts, Recipe
from avme.config.pretrain import PretrainConfig
from avme.config.warmup import limited_warmup
from avme.errors import UsageError

__all__ = [
    "RECIPES",
    "STAGES",
    "CitedValue",
    "DatasetFacts",
    "Recipe",
    "preset",
    "recipe",
    "sources",
    "sources_of",
]

STAGES: Final[dict[str, type[Settings]]] = {
    "pretrain": PretrainConfig,
    "finetune": FinetuneConfig,
}
RECIPES: Final[dict[str, Recipe]] = {
    "tiny": cpu.RECIPES["tiny"],
    "small-cpu": cpu.RECIPES["small-cpu"],
    **sizes.RECIPES,
    **paper.RECIPES,
    **videomae.RECIPES,
    "digits": cpu.RECIPES["digits"],
    "demo": cpu.RECIPES["demo"],
}

_WARMUP, _EPOCHS = "optim.warmup_epochs", "train.epochs"


def recipe(name: str) -> Recipe:
    """Return the recipe of a name; raise UsageError for an unknown one."""
    if name not in RECIPES:
        raise UsageError(f"no preset {name!r}: choose from {', '.join(RECIPES)}")
    return RECIPES[name]


def preset(stage: str, name: str, *, only_recipe: bool = False) -> dict[str, Any]:
    """Return every setting in which the recipes of a stage differ, with the values of one recipe.

    Args:
        stage: Pretraining or fine-tuning.
        name: Recipe.
        only_recipe: Omit model and clip, for a stage that reads both from a checkpoint.

    Raises:
        UsageError: The name is unknown.
    """
    chosen = {key: given.value for key, given in recipe(name).layer(stage).items()}
    defaults = flatten(STAGES[stage]().model_dump())
    touched = dict.fromkeys(key for other in RECIPES.values() for key in other.layer(stage))
    filled = {key: chosen.get(key, defaults[key]) for key in touched}
    if only_recipe:
        filled = {k: v for k, v in filled.items() if k.split(".")[0] not in ("model", "clip")}
    return nest(filled)


def sources(stage: str, name: str) -> dict[str, str]:
    """Return the source of each setting of a preset; settings without a citation are left out."""
    layer = recipe(name).layer(stage)
    return DEFAULT_SOURCES[stage] | {key: given.source for key, given in layer.items()}


def sources_of(stage: str, name: str, settings: Settings) -> dict[str, str]:
    """Return the source of each setting that has the preset's value; "given" for all others.

    Args:
        stage: Stage.
        name: Preset.
        settings: Resolved settings.
    """
    asked = flatten(STAGES[stage].model_validate(preset(stage, name)).model_dump())
    found, known = flatten(settings.model_dump()), sources(stage, name)
    changed = {key: "given" for key in found if found[key] != asked[key]}
    limited = limited_warmup(asked[_WARMUP], asked[_EPOCHS], found[_EPOCHS])
    if _WARMUP in changed and found[_WARMUP] == limited:
        changed[_WARMUP] = f"{asked[_WARMUP]:g} in the recipe, limited by train.epochs"
    return {key: source for key, source in known.items() if key not in changed} | changed
