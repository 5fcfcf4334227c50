"""Error messages of sbatch, with the settings to change."""

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from avme.config.slurm import JobConfig, SlurmConfig

_MOST_CHARACTERS: Final = 240
_NO_ANSWER: Final = r"slurm controller|configuration source|control machine|timed out|uthenticat"
"""Slurm's messages that are not caused by the job's settings."""
_SETTINGS: Final = (
    (r"gres|GRES|TRES", ("gpus",)),
    (r"partition", ("partition",)),
    (r"[Aa]ccount", ("account",)),
    (r"[Qq][Oo][Ss]\b|reservation|constraint|feature", ("options",)),
    (r"time limit|time-min", ("time_limit_minutes",)),
    (r"[Mm]emory", ("memory_gb",)),
    (r"CPU|processors|node configuration", ("cpus",)),
    (r"node configuration", ("memory_gb", "gpus", "procs", "nodes")),
    (r"[Nn]ode count|[Tt]ask count|Job size", ("nodes",)),
    (r"array", ("jobs", "array_parallelism")),
    (r"option", ("options",)),
)
"""Patterns of Slurm's messages, with the related settings of `slurm`."""


def explain(text: str, settings: "JobConfig | SlurmConfig") -> str:
    """Return `reason): fix` for the output of sbatch, on one line."""
    said = _one_line(text)
    if re.search(_NO_ANSWER, said):
        return f"{said}): repeat, or submit on a machine from which Slurm can be reached"
    content = settings.model_dump()
    named = dict.fromkeys(
        key
        for pattern, keys in _SETTINGS
        if re.search(pattern, said)
        for key in keys
        if key in content
    )
    if not named:
        return f"{said}): options of sbatch go into --set slurm.options=[...]"
    found = ", ".join(f"slurm.{key} ({_shown(content[key])})" for key in named)
    hint = "; --set slurm.gpus=0 asks for no GPU" if "gpus" in named else ""
    return f"{said}): change {found} with --set{hint}"


def _one_line(text: str) -> str:
    """Return the output of sbatch without prefixes and repetitions; the end is most specific."""
    lines = [re.sub(r"^sbatch: ((error|fatal): )?", "", line).strip() for line in text.splitlines()]
    said = "; ".join(
        dict.fromkeys(
            line.removeprefix("Batch job submission failed: ")
            for line in lines
            if line and not line.startswith("Try ")
        )
    )
    return said if len(said) <= _MOST_CHARACTERS else f"... {said[-_MOST_CHARACTERS:]}"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return " ".join(value) or "none"
    return "none" if value is None else str(value)
