"""Warnings of settings with which a model learns little, whatever the data."""

from typing import Final

from avme.config.finetune import FinetuneConfig
from avme.config.pretrain import PretrainConfig
from avme.config.warmup import warmup_warning

FEWEST_VISIBLE: Final = 8
"""Visible places below which pretraining is warned about; VideoMAE sees 20 of 196."""

LEAST_RATIO: Final = 0.5
"""Least mask ratio that is advised."""


def setting_warnings(settings: PretrainConfig | FinetuneConfig) -> list[str]:
    """Return the warnings of a training stage, one line each."""
    found = [warmup_warning(settings.optim, settings.train)]
    if isinstance(settings, PretrainConfig):
        found.append(visible_warning(settings))
    return [warning for warning in found if warning is not None]


def batch_warning(settings: PretrainConfig | FinetuneConfig, clips: int) -> str | None:
    """Return a warning where `label_fraction` leaves fewer windows than a batch has, else None.

    Args:
        settings: Settings of the stage.
        clips: Number of clips that are trained on.
    """
    train = settings.train
    if not isinstance(settings, FinetuneConfig) or settings.label_fraction == 1.0:
        return None
    if clips * train.repeat >= train.batch_size:
        return None
    return (
        f"warning: label_fraction {settings.label_fraction:g} leaves {clips} clips for batches of "
        f"{train.batch_size}: they repeat in every step; take a smaller --batch"
    )


def visible_warning(settings: PretrainConfig) -> str | None:
    """Return a warning where the mask leaves fewer than 8 places visible, else None.

    The places are the same in all time slots, so that slots show little that others do not.
    """
    patch = settings.model.visual.patch_size
    places = (settings.clip.image_size // patch) ** 2
    visible = places - int(settings.mask.ratio * places)
    if visible >= FEWEST_VISIBLE:
        return None
    ratio = 100 * (places - FEWEST_VISIBLE) // places / 100
    less = f"--mask {ratio:g} or less, or " if ratio >= LEAST_RATIO else ""
    return (
        f"warning: mask.ratio {settings.mask.ratio:g}: {visible} of {places} places are visible, "
        f"expected at least {FEWEST_VISIBLE}; take {less}a model.visual.patch_size below {patch}"
    )
