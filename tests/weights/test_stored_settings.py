"""Settings in a file of weights: complete where defaults would change what the model computes."""

from pathlib import Path

import pytest

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.dotted_keys import flatten, nest
from avme.errors import ArtifactError
from avme.weights.stored_settings import parse_settings


def test_settings_are_those_of_the_stage() -> None:
    trained = PretrainConfig().model_dump(mode="json")

    assert parse_settings(trained, "pretrain", Path("last.pt")) == PretrainConfig()
    with pytest.raises(ArtifactError, match=r"last\.pt are not those of avme finetune: "):
        parse_settings(trained, "finetune", Path("last.pt"))


@pytest.mark.parametrize(
    ("prefix", "named"),
    [
        ("clip", r"clip\.frame_stride, clip\.image_size, clip\.num_frames, \.\.\. missing"),
        ("clip.frame_stride", r": clip\.frame_stride missing"),
        ("model.visual.heads", r": model\.visual\.heads missing"),
    ],
)
def test_clip_and_model_settings_must_be_stored(prefix: str, named: str) -> None:
    leaves = flatten(FinetuneConfig().model_dump(mode="json"))
    rest = {key: v for key, v in leaves.items() if not f"{key}.".startswith(f"{prefix}.")}

    with pytest.raises(ArtifactError, match=named):
        parse_settings(nest(rest), "finetune", Path("best.pt"))


def test_parse_settings_fills_other_settings_with_defaults() -> None:
    stored = FinetuneConfig().model_dump(mode="json")
    del stored["train"]

    assert parse_settings(stored, "finetune", Path("best.pt")) == FinetuneConfig()


def test_parse_settings_without_label_fraction_has_all_labels() -> None:
    stored = FinetuneConfig().model_dump(mode="json")
    del stored["label_fraction"]

    assert parse_settings(stored, "finetune", Path("best.pt")) == FinetuneConfig(label_fraction=1.0)


def test_parse_settings_of_earlier_versions_lacks_newer_settings() -> None:
    stored = FinetuneConfig().model_dump(mode="json")
    del stored["model"]["visual"]["embed"]

    assert parse_settings(stored, "finetune", Path("best.pt")).model.visual.embed == "linear"
