"""Layers win in their order, and whatever is wrong is one line that says where."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig, Settings
from avme.config.presets import RECIPES, preset
from avme.config.resolve import (
    from_yaml,
    leaf_fields,
    read_settings,
    refuse_contradictions,
    resolve,
    to_yaml,
)
from avme.errors import ConfigError, MismatchError


def refusal(*sets: str, **layers: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(PretrainConfig, sets=sets, **layers)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_resolve_without_arguments_returns_defaults() -> None:
    assert resolve(PretrainConfig) == PretrainConfig()


def test_resolve_prefers_the_later_layer(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("train: {epochs: 3, batch_size: 3, repeat: 3}\n")
    layers: dict[str, Mapping[str, Any]] = {
        "base": {
            "train": dict.fromkeys(("epochs", "batch_size", "repeat", "seed", "log_every"), 1)
        },
        "preset": {"train": dict.fromkeys(("epochs", "batch_size", "repeat", "seed"), 2)},
    }

    train = resolve(
        PretrainConfig,
        **layers,
        file=file,
        sets=["train.batch_size=4", "train.epochs=4"],
        flags={"train.epochs": 5, "train.repeat": None},
    ).train

    assert (train.epochs, train.batch_size, train.repeat, train.seed, train.log_every) == (
        5,
        4,
        3,
        2,
        1,
    )


def test_resolve_with_one_setting_keeps_stage_defaults_of_the_section() -> None:
    changed = resolve(FinetuneConfig, sets=["optim.lr=1e-3"])

    assert changed.optim == FinetuneConfig().optim.model_copy(update={"lr": 1e-3})


def test_resolve_with_misspelt_key_suggests_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("clip: {imge_size: 64}\n")

    assert refusal("clip.imge_size=64") == (
        "unknown setting clip.imge_size in --set: did you mean clip.image_size?"
    )
    assert refusal(file=file).startswith(f"unknown setting clip.imge_size in {file}: ")


def test_resolve_with_key_without_section_suggests_the_full_key() -> None:
    assert refusal("epochs=3").endswith("did you mean train.epochs?")


def test_resolve_with_value_out_of_range_names_found_and_expected() -> None:
    assert refusal("clip.image_size=8") == (
        "clip.image_size: found 8, expected greater than or equal to 16 (from --set)"
    )
    assert refusal("optim.lr=fast").startswith("optim.lr: found 'fast', expected number")
    assert refusal("loss.tokens=off") == (
        "loss.tokens: found 'off', expected 'masked' or 'all' (from --set)"
    )


def test_resolve_with_contradicting_settings_names_both() -> None:
    assert refusal("clip.image_size=225") == (
        "clip.image_size 225 is not divisible by model.visual.patch_size 16"
    )
    assert refusal("model.visual.heads=7") == (
        "model.visual: width 768 is not divisible by 7 heads"
    )


def test_resolve_with_section_as_key_is_refused() -> None:
    assert "is a group of settings: give clip.split" in refusal("clip=3")


@pytest.mark.parametrize("assignment", ["clip.image_size", "=3"])
def test_resolve_with_incomplete_assignment_is_refused(assignment: str) -> None:
    assert "expected KEY=VALUE" in refusal(assignment)


def test_resolve_with_invalid_yaml_in_set_is_refused() -> None:
    assert "is not YAML" in refusal("crop.scales=[1, 2")


def test_resolve_with_several_errors_reports_one_line() -> None:
    line = refusal("clip.image_size=8", "clip.frame_stride=0", "mask.ratio=2", "train.batch_size=0")

    assert line.endswith("; ...")


def test_resolve_with_missing_or_invalid_file_names_it(tmp_path: Path) -> None:
    row = tmp_path / "row.yaml"
    row.write_text("- 1\n")
    broken = tmp_path / "broken.yaml"
    broken.write_text("clip: {image_size: 64\n")
    twice = tmp_path / "twice.yaml"
    twice.write_text("clip: {image_size: 64, image_size: 32}\n")

    assert "does not exist" in refusal(file=tmp_path / "none.yaml")
    assert refusal(file=row).startswith(f"{row} holds a list, expected settings")
    assert refusal(file=broken).startswith(f"{broken} is not YAML")
    assert "size appears twice, line 1" in refusal(file=twice)
    assert "cannot be read" in refusal(file=tmp_path)


def test_resolve_reads_numbers_and_none_as_intended(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "clip: {split: 2}\nloss: {tokens: all}\noptim: {lr: 4e-3}\ntrain: {num_workers: none}\n"
    )

    settings = resolve(PretrainConfig, file=file)

    assert settings.clip.split == "2"
    assert settings.loss.tokens == "all"
    assert settings.optim.lr == 4e-3
    assert settings.train.num_workers is None


def test_resolve_keeps_leading_zero_of_split_name() -> None:
    assert resolve(PretrainConfig, sets=["clip.split=01"]).clip.split == "01"


def test_resolve_with_empty_file_returns_defaults(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("# nothing\n")

    assert resolve(PretrainConfig, file=file) == PretrainConfig()
    assert read_settings(file) == {}


@pytest.mark.parametrize("model", [PrepConfig, PretrainConfig, FinetuneConfig, EvalConfig])
def test_to_yaml_of_defaults_reads_back_equal(model: type[Settings]) -> None:
    assert from_yaml(model, to_yaml(model())) == model()


@pytest.mark.slow
@hypothesis.settings(deadline=None, max_examples=50)
@given(
    ratio=st.floats(0.07, 0.95),  # of 16 places or more
    lr=st.floats(1e-12, 1e6),
    split=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8),
    workers=st.none() | st.integers(0, 64),
    scales=st.lists(st.floats(0.1, 1.0), min_size=1, max_size=4),
    name=st.sampled_from(sorted(RECIPES)),
)
def test_to_yaml_of_any_settings_reads_back_equal(
    ratio: float, lr: float, split: str, workers: int | None, scales: list[float], name: str
) -> None:
    settings = resolve(
        PretrainConfig,
        preset=preset("pretrain", name),
        flags={
            "mask.ratio": ratio,
            "optim.lr": lr,
            "clip.split": split,
            "train.num_workers": workers,
            "crop.scales": scales,
        },
    )

    assert from_yaml(PretrainConfig, to_yaml(settings)) == settings


def test_read_settings_of_an_older_version_names_unknown_keys() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting mask\.kind in old/config\.yaml"):
        from_yaml(PretrainConfig, "mask: {kind: tube}", "old/config.yaml")


def test_refuse_contradictions_names_both_values() -> None:
    fixed = {"model": {"visual": {"dim": 128, "heads": 4}}, "clip": {"image_size": 64}}
    keys = ("model", "clip.image_size")
    same = resolve(FinetuneConfig, base=fixed, sets=["clip.split=2", "optim.lr=1"])
    other = resolve(FinetuneConfig, base=fixed, sets=["clip.image_size=112"])

    refuse_contradictions(same, fixed, keys, "runs/a")
    with pytest.raises(MismatchError, match=r"runs/a: clip\.image_size is 64 there, 112 here"):
        refuse_contradictions(other, fixed, keys, "runs/a")


def test_leaf_fields_are_dotted_keys_of_settings() -> None:
    assert "model.visual.patch_size" in leaf_fields(PretrainConfig)
    assert "model" not in leaf_fields(PretrainConfig)
