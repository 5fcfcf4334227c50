"""Initial weights of a trained model, and the terms of those of VideoMAE."""

from collections.abc import Mapping
from typing import Any, Final

from avme.weights.load import ImportedWeights

VIDEOMAE_LICENSE: Final = "CC BY-NC 4.0"
_VIDEOMAE_FORMS: Final = ("official", "huggingface")


def videomae_origin(weights: ImportedWeights) -> dict[str, str] | None:
    """Return form and SHA-256 of the VideoMAE weights that a model descends from.

    None without any, also for a model whose initial weights are not recorded.
    """
    if weights.form in _VIDEOMAE_FORMS:
        return {"form": weights.form, "sha256": weights.sha256()}
    return _search(weights.facts)


def _search(facts: Mapping[str, Any]) -> dict[str, str] | None:
    if facts.get("form") in _VIDEOMAE_FORMS:
        return {"form": str(facts["form"]), "sha256": str(facts.get("sha256", "unknown"))}
    for earlier in ("init", "pretrained"):
        if isinstance(found := facts.get(earlier), Mapping) and (origin := _search(found)):
            return origin
    return None


def describe_license(weights: ImportedWeights) -> dict[str, Any]:
    """Return the initial weights and their license for the metadata."""
    origin = videomae_origin(weights)
    return {
        "videomae": origin,
        "license": None if origin is None else VIDEOMAE_LICENSE,
        "commercial_use": None if origin is None else False,
    }
