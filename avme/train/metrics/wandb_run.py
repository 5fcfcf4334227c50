"""Optional logging to Weights & Biases; avme neither requires nor installs wandb.

Sent are the settings, the numbers of metrics.jsonl and the images: no code, no console output, no
machine data. `WANDB_MODE=offline` stores everything in the run folder, for `wandb sync`. A resumed
run has the same id, and logged steps are not sent again.
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

import numpy as np
from jaxtyping import UInt8

from avme.errors import ArtifactError, SystemRequirementError
from avme.io.atomic import read_json, write_json
from avme.io.escape import escape_text
from avme.message_text import one_line

IDENTITY = "wandb.json"
"""File in the run folder with the project and the run's id there."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class WandbRun:
    """One wandb run; raises SystemRequirementError if wandb is missing or fails to start."""

    def __init__(self, folder: Path, project: str, config: Mapping[str, Any]) -> None:
        self._wandb = require_wandb()
        settings = self._wandb.Settings(
            console="off",
            disable_code=True,
            disable_git=True,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        try:
            self._run = self._wandb.init(
                project=project,
                id=_identity(folder, project),
                name=escape_text(folder.name),
                dir=str(folder),
                config=dict(config),
                resume="allow",
                settings=settings,
            )
        except self._wandb.errors.Error as error:
            reason = one_line(error)
            raise SystemRequirementError(
                f"wandb did not start a run of {project} ({reason}): run `wandb login`, set "
                "WANDB_MODE=offline, or leave out --wandb"
            ) from error

    def write(self, kind: str, step: int, numbers: Mapping[str, Any]) -> None:
        """Log a point on each curve; wandb drops a step before its last one.

        Args:
            kind: `train` or `validation`.
            step: Number of steps done.
            numbers: Values.
        """
        self._run.log({f"{kind}/{name}": number for name, number in numbers.items()}, step=step)

    def log_image(self, name: str, step: int, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """Log an image.

        Args:
            name: Name of the image.
            step: Number of steps done.
            pixels: RGB, 0 to 255.
        """
        self._run.log({name: self._wandb.Image(pixels)}, step=step)

    def close(self, *, failed: bool) -> None:
        """Set the final state of the run, and wait until all is sent."""
        self._run.finish(exit_code=int(failed))


def require_wandb() -> ModuleType:
    """Import the package; raises SystemRequirementError if it is not installed."""
    try:
        import wandb
        import wandb.errors
    except ImportError as error:
        raise SystemRequirementError(
            f"Weights & Biases: wandb cannot be imported ({error}): run `pip install "
            "'avme[wandb]'`, or leave out --wandb"
        ) from error
    return cast(ModuleType, wandb)


def _identity(folder: Path, project: str) -> str:
    path = folder / IDENTITY
    known = read_json(path) if path.exists() else {}
    if known.get("project") != project or not isinstance(known.get("id"), str):
        known = {"project": project, "id": secrets.token_hex(8)}
        write_json(path, known)
    if not _ID.fullmatch(name := str(known.get("id"))):  # wandb creates a folder with this name
        raise ArtifactError(f"{path} has the id {name!r}, expected letters and digits: delete it")
    return name
