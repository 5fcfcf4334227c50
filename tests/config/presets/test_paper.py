"""The paper's recipe: what the paper says, and nothing that it does not say without a name."""

from avme.config import EvalConfig, FinetuneConfig, PretrainConfig
from avme.config.dotted_keys import flatten
from avme.config.presets import RECIPES, preset, sources
from avme.config.resolve import resolve

# Paper III-B, III-C, III-D, III-E, III-F, IV-A, IV-C and Table I.
SAID = {
    "clip.num_frames": 16,
    "mask.ratio": 0.9,
    "model.visual.dim": 768,
    "model.visual.depth": 12,
    "model.visual.heads": 12,
    "model.audio.blocks": (3, 4, 6, 3),
    "model.fusion.kind": "cross-attention",
    "model.decoder.depth": 4,
    "train.epochs": 1200,
}


def test_paper_preset_sets_what_the_paper_states_and_names_it_as_source() -> None:
    settings = flatten(resolve(PretrainConfig, preset=preset("pretrain", "paper")).model_dump())
    said = sources("pretrain", "paper")

    for key, value in SAID.items():
        assert settings[key] == value
        assert said[key].startswith("paper ")


def test_paper_preset_fine_tunes_on_the_full_train_list() -> None:
    settings = resolve(FinetuneConfig, preset=preset("finetune", "paper"))

    assert (settings.modality, settings.val_fraction) == ("av", 0.0)


def test_paper_preset_takes_the_rest_from_videomae_on_the_same_data() -> None:
    mine = flatten(preset("finetune", "paper"))
    theirs = flatten(preset("finetune", "videomae-ucf101"))

    assert {key for key in mine if mine[key] != theirs[key]} == {"modality", "model.fusion.kind"}


def test_paper_preset_starts_with_kinetics_weights() -> None:
    recipe = RECIPES["paper"]

    assert recipe.starts_from is not None
    assert "Kinetics-400" in recipe.starts_from
    assert any("--init" in command for command in recipe.commands)


def test_five_windows_and_three_crops_are_the_default_of_the_evaluation() -> None:
    assert (EvalConfig().segments, EvalConfig().crops) == (5, 3)  # all finetune.sh of UCF101, K400
