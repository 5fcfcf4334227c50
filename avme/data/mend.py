"""`plan.json` to the command that made a set, so that it can be given again.

`avme prep` makes what is missing and nothing else: a broken set is mended by deleting what is
broken and running this command.
"""

import math
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from avme.config.prep import PrepConfig
from avme.data.publish import QUARANTINE

_SETTINGS: Final = "settings."


def prep_command(plan: dict[str, Any], folder: Path) -> str:
    """What made the set in `folder`, as a line for a shell; raises KeyError for another plan.

    Sets of versions before `call` was noted do not tell of `--splits`.
    """
    identity, call = plan["identity"], plan.get("call", {})
    usual = PrepConfig().model_dump(mode="json")
    words = ["avme", "prep", identity["layout"], identity["source"], "--out", str(folder)]
    for name in ("splits", "root"):
        if call.get(name):
            words += [f"--{name}", call[name]]
    if call.get("annotations"):
        words += ["--annotations", *call["annotations"]]
    max_bad = call.get("max_bad", _least_max_bad(folder, len(plan["clips"])))
    if max_bad != usual["max_bad"]:
        words += ["--max-bad", str(max_bad)]
    settings = {
        key.removeprefix(_SETTINGS): value
        for key, value in identity.items()
        if key.startswith(_SETTINGS)
    }
    limits = (name for name in PrepConfig().limits() if name != "max_bad")
    settings |= {name: call.get(name, usual[name]) for name in limits}
    for key, value in settings.items():
        if value != usual.get(key):
            words += ["--set", f"{key}={'null' if value is None else value}"]
    return shlex.join(words)


def places_of(plan: dict[str, Any]) -> list[Path]:
    """Files and folders that the command names: without one of these it cannot run."""
    call = plan.get("call", {})
    beside = [call.get("splits"), call.get("root"), *(call.get("annotations") or ())]
    return [Path(path) for path in (plan["identity"]["source"], *beside) if path]


def delete_command(folder: Path, files: Iterable[str]) -> str:
    """Deletes files below `folder`, as a line for a shell; -f, as some may be missing."""
    return shlex.join(["rm", "-f", *(str(folder / name) for name in sorted(files))])


def _least_max_bad(folder: Path, num_clips: int) -> float:
    """The default, or what lets as many clips be bad as already are."""
    usual = PrepConfig().max_bad
    try:
        bad = len((folder / QUARANTINE).read_text(encoding="utf-8").splitlines()) - 1
    except (OSError, ValueError):
        return usual
    if num_clips == 0 or bad <= max(1, int(usual * num_clips)):
        return usual
    return min(1.0, math.ceil(1000 * bad / num_clips) / 1000)
