"""Nested settings <-> dotted keys: {"clip": {"image_size": 64}} is {"clip.image_size": 64}."""

from collections.abc import Mapping
from typing import Any

Leaves = dict[str, Any]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Leaves:
    """Return one entry for every value that is not itself a mapping."""
    leaves: Leaves = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def nest(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Invert `flatten`."""
    tree: dict[str, Any] = {}
    for dotted, value in leaves.items():
        *groups, name = dotted.split(".")
        inner = tree
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value
    return tree
