"""A model that descends from VideoMAE's weights inherits their terms, however far back they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.export.initial_weights import describe_license, videomae_origin
from avme.weights.load import read_weights

START = {"form": "official", "sha256": "ab12"}


@pytest.mark.parametrize(
    ("facts", "origin"),
    [
        ({}, None),
        ({"pretrained": None}, None),
        ({"pretrained": {"form": "avme", "sha256": "cd"}}, None),
        ({"pretrained": START}, START),
        ({"pretrained": {"dataset": "x", "init": START}}, START),
        ({"pretrained": {"form": "avme", "pretrained": {"init": START}}}, START),
    ],
)
def test_videomae_origin_is_found_in_all_ancestors(
    make_checkpoint: Callable[..., Path], facts: dict[str, Any], origin: dict[str, str] | None
) -> None:
    weights = read_weights(make_checkpoint(facts=facts))

    assert videomae_origin(weights) == origin
    assert describe_license(weights)["license"] == (None if origin is None else "CC BY-NC 4.0")
