"""Rows of a head go to the class of their name; what the tally says of it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from avme.config import ClipConfig, ModelConfig
from avme.errors import MismatchError
from avme.models.classifier import Classifier
from avme.weights.export import write_weights
from avme.weights.head import in_order_of
from avme.weights.load import ImportedWeights, read_weights
from avme.weights.load_into_model import LoadReport, load_into

MakeTheirs = Callable[..., Any]
MakeConfig = Callable[..., ModelConfig]
SaveAs = Callable[[nn.Module, str, Path], Path]
NAMES = ("TalkingHead", "CityTimelapse", "BunnyForest")


@pytest.fixture
def theirs(make_theirs: MakeTheirs) -> Any:
    """A classifier of three classes with biases 3, 2 and 1."""
    model = make_theirs(
        "finetune",
        num_labels=3,
        id2label=dict(enumerate(NAMES)),
        label2id={name: row for row, name in enumerate(NAMES)},
    )
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([3.0, 2.0, 1.0]))
    return model


@pytest.fixture
def start(
    clip: ClipConfig, make_model_config: MakeConfig
) -> Callable[..., tuple[Tensor, LoadReport]]:
    """Starts a classifier of some classes from weights; its biases, and the tally."""

    def run(weights: ImportedWeights, classes: tuple[str, ...]) -> tuple[Tensor, LoadReport]:
        model = Classifier(make_model_config(), clip, len(classes), "v")
        nn.init.constant_(model.head.bias, 9.0)
        tally = load_into(model, weights, classes)
        return model.head.bias.detach(), tally

    return run


@pytest.mark.parametrize(
    ("classes", "biases", "said"),
    [
        (NAMES, [3, 2, 1], "all 3 rows are the file's, whose classes are the set's"),
        (tuple(sorted(NAMES)), [1, 2, 3], "all 3 rows are the file's, put in the order of"),
        (
            ("Archery", "BunnyForest"),
            [9, 1],
            r"1 of 2 rows are the file's by name \(BunnyForest\), 1 new \(Archery\); 2 of the",
        ),
        (("Archery", "Bowling", "Diving"), [9, 9, 9], "head is new: none of the file's 3 classes"),
        (
            ("bunny forest", "Bowling", "Diving"),
            [9, 9, 9],
            "names are compared exactly: 'BunnyForest' is not 'bunny forest'",
        ),
    ],
)
def test_head_rows_go_to_the_class_of_their_name(
    classes: tuple[str, ...],
    biases: list[float],
    said: str,
    theirs: Any,
    tmp_path: Path,
    save_as: SaveAs,
    start: Callable[..., tuple[Tensor, LoadReport]],
) -> None:
    weights = read_weights(save_as(theirs, "hf q_bias", tmp_path))

    found, tally = start(weights, classes)

    assert found.tolist() == biases
    assert ("head.weight" in tally.new) == (set(biases) == {9})
    assert re.search(said, tally.warnings[-1])


def test_head_of_file_without_names_needs_given_ones(
    theirs: Any,
    tmp_path: Path,
    save_as: SaveAs,
    start: Callable[..., tuple[Tensor, LoadReport]],
) -> None:
    file = save_as(theirs, "module", tmp_path)
    names = tmp_path / "classInd.txt"
    names.write_text("1 TalkingHead\n2 CityTimelapse\n3 BunnyForest\n")

    guessed, tally = start(read_weights(file), tuple(sorted(NAMES)))
    named, _ = start(read_weights(file, names), tuple(sorted(NAMES)))

    assert guessed.tolist() == [9, 9, 9]
    assert "does not name its 3 classes; name them with --classes FILE" in tally.warnings[-1]
    assert named.tolist() == [1, 2, 3]


def test_head_in_order_of_dataset_puts_other_classes_last(
    theirs: Any, tmp_path: Path, save_as: SaveAs
) -> None:
    weights = read_weights(save_as(theirs, "hf q_bias", tmp_path))

    tensors, names = in_order_of(weights, ["BunnyForest", "TalkingHead"])

    assert names == ["BunnyForest", "TalkingHead", "CityTimelapse"]
    assert tensors["head.bias"].tolist() == [1, 3, 2]
    expected = theirs.classifier.weight[[2, 0, 1]]
    assert torch.equal(tensors["head.weight"], expected)
    with pytest.raises(MismatchError, match=r"has 3 classes, the set has 1 .*only here: Archery"):
        in_order_of(weights, ["Archery"])
    with pytest.raises(MismatchError, match=r"does not name its 3 classes: .*--classes FILE"):
        in_order_of(replace(weights, classes=()), ["BunnyForest"])


def test_head_in_order_of_dataset_sorts_rows_of_unimodal_heads(
    theirs: Any, tmp_path: Path, save_as: SaveAs
) -> None:
    weights = read_weights(save_as(theirs, "hf q_bias", tmp_path))
    more = {"unimodal.a.head.bias": torch.tensor([5.0, 6.0, 7.0])}
    weights = replace(weights, tensors=weights.tensors | more)

    tensors, _ = in_order_of(weights, ["BunnyForest", "TalkingHead"])

    assert weights.classes == ("TalkingHead", "CityTimelapse", "BunnyForest")
    assert tensors["unimodal.a.head.bias"].tolist() == [7, 5, 6]


def test_names_survive_the_way_through_videomaes_own_form(
    theirs: Any, tmp_path: Path, save_as: SaveAs
) -> None:
    folder = save_as(theirs, "hf q_bias", tmp_path / "a")
    write_weights(read_weights(folder), tmp_path / "b.pth", "official")

    assert read_weights(tmp_path / "b.pth").classes == NAMES
    assert json.loads((folder / "config.json").read_text())["id2label"]["0"] == NAMES[0]


def test_given_class_names_may_respell_but_not_reorder(
    theirs: Any, tmp_path: Path, save_as: SaveAs
) -> None:
    folder, names = save_as(theirs, "hf q_bias", tmp_path / "a"), tmp_path / "names.txt"
    names.write_bytes(b"1 talking head\r\n2 city timelapse\r\n3 Woods\r\n")

    weights = read_weights(folder, names)

    assert weights.classes == ("talking head", "city timelapse", "Woods")
    file = folder / "model.safetensors"
    assert weights.warnings[-1] == f"the names in {names} replace those that belong to {file}"
    for text in ("BunnyForest\nCityTimelapse\nTalkingHead\n", "a\ntalking head\nb\n"):
        names.write_text(text)
        with pytest.raises(MismatchError, match=r"in row \d of its head, .* leave --classes out"):
            read_weights(folder, names)
