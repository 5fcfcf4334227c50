"""ffmpeg versions of the shards of a dataset.

Versions round pixels differently (docs/ffmpeg-versions.md), so that with several versions the bytes
depend on which machine built which shard. Every shard stores its version as an attribute.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

_UNKNOWN = "unknown"


def count_versions(versions: Iterable[str | None]) -> dict[str, int]:
    """Count shards by the ffmpeg version of each, for `dataset.json`."""
    counts = Counter(version or _UNKNOWN for version in versions)
    return dict(sorted(counts.items()))


def describe_mixture(manifest: dict[str, Any]) -> str | None:
    """Return a warning if a dataset was built by several versions, else None."""
    counts = manifest["ffmpeg"]
    if not isinstance(counts, dict) or len(counts) < 2:
        return None
    listed = ", ".join(f"{version} ({count})" for version, count in counts.items())
    return (
        f"warning: several versions of ffmpeg made these shards ({listed}): their frames differ by "
        "one or two levels; for a single version, delete the set and prepare it again"
    )
