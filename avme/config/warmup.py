"""Length of the learning-rate warm-up for runs with fewer epochs than in the preset.

A warm-up from a default or a preset must not fill a short run; an explicit one is unchanged, with a
warning if it is long.
"""

from typing import Final

from avme.config.train import OptimConfig, TrainConfig

USUAL_SHARE: Final = 0.1
"""Maximum fraction of the epochs for a warm-up that was not set explicitly."""
LONG_SHARE: Final = 0.25
"""Share of the epochs above which a warm-up is warned about."""


def limited_warmup(warmup: float, recipe_epochs: int, epochs: int) -> float:
    """Return the warm-up, in epochs, of a run of `epochs` whose recipe has `warmup` of
    `recipe_epochs`.

    The limit is a tenth of the run, or the share that the recipe has where that is larger, so that
    no recipe changes at its own length.
    """
    share = max(USUAL_SHARE, min(warmup / recipe_epochs, 1.0))
    return min(warmup, round(share * epochs, 6))


def warmup_warning(optim: OptimConfig, train: TrainConfig) -> str | None:
    """Return a warning where the warm-up takes more than a quarter of the epochs, else None."""
    if optim.warmup_epochs <= LONG_SHARE * train.epochs:
        return None
    long = min(optim.warmup_epochs, train.epochs)
    end = "the run ends at its peak rate" if long == train.epochs else "little of the decay remains"
    return (
        f"warning: optim.warmup_epochs {optim.warmup_epochs:g}: the learning rate rises for "
        f"{long:g} of {train.epochs} epochs, so that {end}; leave it out to have at most a tenth"
    )
