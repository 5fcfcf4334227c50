"""A model card says what was measured and recorded, and that the rest was not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.export.card import model_card
from avme.export.graph import build_graph
from avme.export.metadata import describe_export
from avme.features.network import load_network

EVALUATION = {
    "dataset": "<i>set</i>",
    "split": "1",
    "list": "test",
    "n": 8,
    "top1": 0.5,
    "intervals": {"top1": [0.25, 0.75]},
    "interval_method": {"unit": "group"},
    "signature": "avme 1|set/1/test|n=8",
}


def content(path: Path) -> dict[str, Any]:
    trained = load_network(path)
    found = describe_export(trained, build_graph(trained.model), "onnx")
    return found | {"parity": {"max_abs_difference": 2e-7}}


def test_model_card_without_evaluation_or_records_says_so(classifier: Path) -> None:
    card = model_card(content(classifier), None, "model.onnx")

    assert "## Evaluation\n\nNot evaluated.\n" in card
    assert "| dataset | not recorded |" in card
    assert "%" not in card
    assert "on-commercial" not in card
    assert "license:" not in card


def test_model_card_has_figures_intervals_and_signature(classifier: Path) -> None:
    card = model_card(content(classifier), EVALUATION, "model.onnx", "avme finetune --data x")

    assert "| all clips | 8 | 50.00 % (25.0 to 75.0) |" in card
    assert "Signature: `avme 1|set/1/test|n=8`" in card
    assert "```sh\navme finetune --data x\n```" in card


def test_model_card_of_names_with_markup_shows_them_as_text(classifier: Path) -> None:
    card = model_card(content(classifier), EVALUATION, "model.onnx")

    assert r"3: Archery, &lt;b&gt;\`\|Bowling, \*Cliff\*" in card
    assert "<" not in card.replace("<br>", "")


def test_model_card_from_videomae_warns_of_non_commercial_terms(
    make_checkpoint: Callable[..., Path],
) -> None:
    facts = {"pretrained": {"init": {"form": "huggingface", "sha256": "ab12"}}}
    card = model_card(content(make_checkpoint(facts=facts)), None, "model.onnx")

    assert card.startswith("---\nlicense: cc-by-nc-4.0\n")
    assert "**Non-commercial.**" in card
    assert "`ab12`" in card


@pytest.mark.parametrize(
    ("stride", "said"), [(1, "successive source frames"), (3, "3 source frames apart")]
)
def test_model_card_says_how_far_frames_are_apart(
    make_checkpoint: Callable[..., Path], stride: int, said: str
) -> None:
    described = content(make_checkpoint())
    described["frames"] = described["frames"] | {"frame_stride": stride}

    assert f"pixels, {said} |" in model_card(described, None, "the-file")


@pytest.mark.parametrize(
    ("kind", "pretrain", "said"),
    [
        ("onnx", False, 'session.run(None, {"frames": frames, "mfcc": mfcc, "audio_valid"'),
        ("torch-export", True, "output = model(frames, mfcc, audio_valid)"),
        ("safetensors", False, "avme predict FOLDER video.mp4\navme eval FOLDER --data DATASET"),
        ("safetensors", True, "avme reconstruct FOLDER video.mp4\navme knn FOLDER"),
    ],
)
def test_model_card_of_each_format_shows_its_use(
    make_checkpoint: Callable[..., Path], kind: str, pretrain: bool, said: str
) -> None:
    described = content(make_checkpoint(pretrain=pretrain)) | {"format": kind}

    assert said in model_card(described, None, "the-file")
