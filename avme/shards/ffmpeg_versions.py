"""The versions of ffmpeg that made the shards of a set.

Versions round pixels in different ways (docs/ffmpeg-versions.md), so that the bytes of a set of
several depend on which machine made which shard. Every shard holds its version as an attribute.
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
    """Return a warning if several versions made the set of a manifest, else None."""
    counts = manifest["ffmpeg"]
    if not isinstance(counts, dict) or len(counts) < 2:
        return None
    listed = ", ".join(f"{version} ({count})" for version, count in counts.items())
    return (
        f"warning: several versions of ffmpeg made these shards ({listed}): their pictures "
        "differ slightly, by one or two levels; to have them from one, delete the set and prepare "
        "it again"
    )
