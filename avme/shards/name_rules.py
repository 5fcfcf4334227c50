"""Rules for names in a dataset: dataset.json, plan.json, index.csv and the lists.

A dataset may be untrusted, and some names become parts of paths and of commands that users copy.
`avme prep` writes no other names: it escapes what is not text.
"""

import re
from typing import Any, Final

from avme.io.escape import CONTROLS

_SHARD: Final = re.compile(r"shard-([0-9]{5,9})\.h5")
_PLAIN: Final = re.compile(rf"(?!\.{{1,2}}\Z)[^/\\{CONTROLS}]{{1,255}}")
_LABEL: Final = re.compile(rf"[^{CONTROLS}]{{0,4096}}")
_CLIP: Final = re.compile(rf"(?!/|(?:.*/)?\.\.(?:/|\Z))[^{CONTROLS}]{{1,4096}}")


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"shard-{number:05d}.h5"


def shard_number(name: object) -> int:
    """Parse the number in a shard's file name; raises ValueError for any other name."""
    found = _SHARD.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(f"found the shard {name!r}, expected a name like {shard_name(0)}")
    return int(found[1])


def require_shard_name(name: Any) -> str:
    """Return the name of a file below `shards/`; raises ValueError for any other name."""
    shard_number(name)
    return str(name)


def require_plain_name(name: Any) -> str:
    """Return the name of a dataset or a split, which becomes part of file names.

    Raises ValueError if it contains a path separator or a control character.
    """
    return _matching(_PLAIN, name, "a name that can be part of a file's name")


def require_label(name: Any) -> str:
    """Return the name of a class or group; raises ValueError for control characters."""
    return _matching(_LABEL, name, "text without control characters")


def require_clip_id(name: Any) -> str:
    """Return a clip's id, a path below the folder of videos; raises ValueError if it is not."""
    return _matching(_CLIP, name, "a path that stays in the folder of videos")


def _matching(pattern: re.Pattern[str], name: Any, expected: str) -> str:
    if not isinstance(name, str) or not pattern.fullmatch(name):
        raise ValueError(f"found the name {name!r}, expected {expected}")
    return name
