"""Command that prepared a dataset, derived from `plan.json`, to run it again.

`avme prep` builds only what is missing: a damaged dataset is fixed by deleting the damaged files
and running this command.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from avme.config.prep import PrepConfig
from avme.io.shell_quote import join_command
from avme.shards.name_rules import require_clip_id, require_shard_name
from avme.sources.folder import Layout

_SETTINGS: Final = "settings."
_KEY: Final = re.compile(r"(settings\.)?[a-z][a-z0-9_]{0,63}")


def require_plan(plan: Mapping[str, Any]) -> None:
    """Raise ValueError if values in plan.json are unsafe in a path or a command.

    Raises KeyError, TypeError or AttributeError if parts are missing or have other types.
    """
    identity, call = plan["identity"], plan["call"]
    if identity["layout"] not in get_args(Layout):
        raise ValueError(f"found the layout {identity['layout']!r}, expected one of avme prep's")
    for path in (identity["source"], *_beside(call)):
        if not isinstance(path, str) or not Path(path).is_absolute() or "\0" in path:
            raise ValueError(f"found the path {path!r}, expected an absolute one")
    for key in identity:
        if not _KEY.fullmatch(key):
            raise ValueError(f"found the setting {key!r}, expected the name of one")
    for value in (*identity.values(), *(v for k, v in call.items() if k != "annotations")):
        if not isinstance(value, str | int | float | None):
            raise ValueError(f"found {value!r}, expected text or a number")
    for name in plan["shards"]:
        require_shard_name(name)
    for clip_id in plan["clips"]:
        require_clip_id(clip_id)


def prep_command(plan: dict[str, Any], folder: Path) -> str:
    """Return the shell command that prepared the dataset in `folder`.

    Raises KeyError for another plan.
    """
    identity, call = plan["identity"], plan["call"]
    usual = PrepConfig().model_dump(mode="json")
    words = ["avme", "prep", identity["layout"], identity["source"], "--out", str(folder)]
    for name in ("splits", "root"):
        if call.get(name):
            words += [f"--{name}", call[name]]
    if call.get("annotations"):
        words += ["--annotations", *call["annotations"]]
    if call["max_failed"] != usual["max_failed"]:
        words += ["--max-failed", str(call["max_failed"])]
    settings = {
        key.removeprefix(_SETTINGS): value
        for key, value in identity.items()
        if key.startswith(_SETTINGS)
    }
    limits = (name for name in PrepConfig().limits() if name != "max_failed")
    settings |= {name: call[name] for name in limits}
    for key, value in settings.items():
        if value != usual.get(key):
            words += ["--set", f"{key}={_yaml(value)}"]
    return join_command(words)


def _yaml(value: Any) -> str:
    """Return the value of a setting as the command line reads it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def places_of(plan: dict[str, Any]) -> list[Path]:
    """Return the files and folders that the command requires."""
    return [Path(path) for path in (plan["identity"]["source"], *_beside(plan["call"]))]


def delete_command(folder: Path, files: Iterable[str]) -> str:
    """Return the shell command that deletes files below `folder`; -f, as some may be missing."""
    return join_command(["rm", "-f", "--", *(str(folder / name) for name in sorted(files))])


def _beside(call: Mapping[str, Any]) -> list[Any]:
    """Return the paths given to `avme prep` besides the source, as recorded in plan.json."""
    given = [call.get("splits"), call.get("root"), *(call.get("annotations") or ())]
    return [path for path in given if path]
