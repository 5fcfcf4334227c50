"""Validation of the settings in a checkpoint or weights file of avme."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.dotted_keys import flatten
from avme.config.validation_errors import describe_first_fault
from avme.errors import ArtifactError
from avme.message_text import some_of

_COMPLETE: Final = ("clip.", "model.")
"""Sections without defaults: another value than that of training gives other outputs."""
_NEWER: Final = frozenset({"model.visual.embed", "model.visual.positions"})
"""Settings younger than the format, whose default is what all earlier versions did."""


def parse_settings(
    config: Mapping[str, Any], stage: str, file: Path
) -> PretrainConfig | FinetuneConfig:
    """Validate the settings that `file` contains.

    Args:
        config: Settings as nested mappings.
        stage: "pretrain" or "finetune", which trained the weights.
        file: File to name in errors.

    Raises:
        ArtifactError: A value is invalid, or a setting of clips or model is missing that all
            versions of the format had.
    """
    model = PretrainConfig if stage == "pretrain" else FinetuneConfig
    try:
        settings = model.model_validate(config)
    except ValidationError as error:
        raise ArtifactError(
            f"the settings in {file} are not those of avme {stage}: {describe_first_fault(error)}"
        ) from error
    missing = sorted(
        name
        for name in flatten(settings.model_dump()).keys() - flatten(config).keys()
        if name.startswith(_COMPLETE) and name not in _NEWER
    )
    if missing:
        raise ArtifactError(
            f"the settings in {file} are not those of avme {stage}: {some_of(missing)} missing"
        )
    return settings
