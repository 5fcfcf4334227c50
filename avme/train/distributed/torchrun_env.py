"""Validation of torchrun's environment variables as a whole.

A variable left over from another job would otherwise cause a KeyError, a wait for missing ranks, or
a silent choice of another GPU.
"""

from collections.abc import Mapping

from avme.errors import UsageError

_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_LAST_PORT = 65_535


def require_whole_group(environ: Mapping[str, str]) -> None:
    """Raise UsageError if the variables of a process group are incomplete or contradictory.

    MASTER_ADDR and MASTER_PORT alone, as batch scripts export them, are no group; neither are sizes
    of one process.
    """
    if "RANK" not in environ:
        of_many = [
            name for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE") if _number(environ, name, 1) > 1
        ]
        of_many += [name for name in ("LOCAL_RANK",) if _number(environ, name, 0) > 0]
        if of_many:
            raise _refusal(f"{of_many[0]}={environ[of_many[0]]} but no RANK", of_many[0])
        return
    missing = [name for name in _NEEDED if not environ.get(name)]
    if missing:
        raise _refusal(f"RANK={environ['RANK']} but no {' or '.join(missing)}", "RANK")
    world, port = _number(environ, "WORLD_SIZE"), _number(environ, "MASTER_PORT")
    _require_below("RANK", _number(environ, "RANK"), "WORLD_SIZE", world)
    local_world_size = _number(environ, "LOCAL_WORLD_SIZE", world)
    _require_below(
        "LOCAL_RANK", _number(environ, "LOCAL_RANK", 0), "LOCAL_WORLD_SIZE", local_world_size
    )
    if not 0 < port <= _LAST_PORT:
        raise _refusal(f"MASTER_PORT={port}, expected 1 to {_LAST_PORT}", "RANK")


def _number(environ: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environ.get(name, "")
    if not text and default is not None:
        return default
    try:
        return int(text)
    except ValueError:
        raise _refusal(f"{name}={text!r}, expected a whole number", name) from None


def _require_below(name: str, value: int, size_name: str, size: int) -> None:
    if size < 1:
        raise _refusal(f"{size_name}={size}, expected 1 or more", size_name)
    if not 0 <= value < size:
        raise _refusal(f"{name}={value} and {size_name}={size}, expected 0 to {size - 1}", "RANK")


def _refusal(found: str, name: str) -> UsageError:
    return UsageError(
        f"the environment has {found}: torchrun and srun set {', '.join(_NEEDED)} together; "
        f"to run one process, `unset {name}`"
    )
