"""File of a run folder that holds its trained model: the best epoch, or the last with a warning."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from avme.checkpoint.file import LAST, find_checkpoint

BEST: Final = "best"


def find_weights(run: Path) -> Path:
    """Return the checkpoint of the best epoch, else the last; raises ArtifactError without one.

    Without any checkpoint it is `weights.safetensors`.
    """
    weights = _exported(run)
    if weights.is_file() and not any((run / "checkpoints").glob("*.pt")):
        return weights  # checkpoints are larger and may be deleted
    return find_checkpoint(run, BEST, LAST)


def warn_of_last_epoch(
    run: Path, chosen: Path, facts: Mapping[str, Any], earlier: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return a warning if the file is the last epoch of a run whose best was chosen by validation.

    A pretraining has no best epoch, and neither has a training without a validation list.

    Args:
        run: Run folder.
        chosen: File that `find_weights` returned.
        facts: Metadata in it.
        earlier: Warnings that come first.
    """
    if chosen.stem != LAST or not facts.get(BEST):
        return earlier
    epoch, weights = facts[BEST].get("epoch"), _exported(run)
    said = f", epoch {epoch:g}" if isinstance(epoch, int | float) else ""
    fix = f": {weights} has it" if weights.is_file() else ""
    return (
        *earlier,
        f"warning: {chosen.with_stem(BEST)} is missing, so that the last epoch is used instead of "
        f"the best by validation{said}{fix}",
    )


def _exported(run: Path) -> Path:
    return run / "weights.safetensors"
