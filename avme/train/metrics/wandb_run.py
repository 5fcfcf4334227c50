"""A run at Weights & Biases, for those who ask for it; avme neither needs nor installs wandb.

What is sent are the settings, the numbers of metrics.jsonl and the pictures: no code, no console,
nothing of the machine. `WANDB_MODE=offline` keeps all of it in the run folder, for `wandb sync`.
A run that goes on has the id that it began with, and steps that were told are not told again.
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

import numpy as np
from jaxtyping import UInt8

from avme.errors import ArtifactError, MachineError
from avme.io.atomic import read_json, write_json
from avme.io.escape import escape_text

IDENTITY = "wandb.json"
"""In the run folder: the project, and the id of the run there."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class WandbRun:
    """One run; raises MachineError where wandb is missing or will not begin."""

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
            reason = " ".join(str(error).split())
            raise MachineError(
                f"wandb did not begin a run of {project} ({reason}): run `wandb login`, set "
                "WANDB_MODE=offline, or leave out --wandb"
            ) from error

    def write(self, kind: str, step: int, numbers: Mapping[str, Any]) -> None:
        """A point on each curve; wandb drops a step that lies before its last one."""
        self._run.log({f"{kind}/{name}": number for name, number in numbers.items()}, step=step)

    def picture(self, name: str, step: int, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """A picture at a step."""
        self._run.log({name: self._wandb.Image(pixels)}, step=step)

    def close(self, *, failed: bool) -> None:
        """Says how the run ended, and waits until all is sent."""
        self._run.finish(exit_code=int(failed))


def require_wandb() -> ModuleType:
    """The package; raises MachineError where it is not installed."""
    try:
        import wandb
        import wandb.errors
    except ImportError as error:
        raise MachineError(
            f"Weights & Biases was asked for, but wandb cannot be imported ({error}): "
            "run `pip install 'avme[wandb]'`, or leave out --wandb"
        ) from error
    return cast(ModuleType, wandb)


def _identity(folder: Path, project: str) -> str:
    path = folder / IDENTITY
    known = read_json(path) if path.exists() else {}
    if known.get("project") != project or not isinstance(known.get("id"), str):
        known = {"project": project, "id": secrets.token_hex(8)}
        write_json(path, known)
    if not _ID.fullmatch(name := str(known.get("id"))):  # wandb makes a folder of it
        raise ArtifactError(f"{path} has the id {name!r}, expected letters and digits: delete it")
    return name
