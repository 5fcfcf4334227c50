"""Checksum inside a JSON object, over all other keys.

It detects damage and edits by hand, independent of the text layout. It is no signature: anyone who
changes a file can compute it.
"""

import hashlib
import json
from typing import Any, Final

KEY: Final = "checksum"


def with_checksum(content: dict[str, Any]) -> dict[str, Any]:
    """Return `content` with the checksum of its other keys as last key."""
    return {**_without(content), KEY: _checksum(content)}


def has_valid_checksum(content: dict[str, Any]) -> bool:
    """Return True if the checksum matches; False without a checksum."""
    try:
        return bool(content.get(KEY) == _checksum(content))
    except (ValueError, UnicodeEncodeError):  # lone surrogates, which JSON may contain
        return False


def _without(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != KEY}


def _checksum(content: dict[str, Any]) -> str:
    text = json.dumps(_without(content), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
