"""Source files whose mtime changed: comparison of their hash with that in the shard.

A copy changes the mtime but not the content. Nothing is written here.
"""

from pathlib import Path
from typing import Final

from avme.errors import ArtifactError, MachineError, MediaError
from avme.io.filenames import SHARDS
from avme.prep.plan_diff import CHANGED, TOUCHED, UNSURE, Earlier
from avme.prep.write_shard import hash_unchanged
from avme.progress import Reporter
from avme.shards.reader import ShardReader
from avme.sources.clip_table import SourceClip

_UNREADABLE: Final = (ArtifactError, OSError, LookupError, TypeError, ValueError)


def compare_touched(old: Earlier, folder: Path, timeout_seconds: float, report: Reporter) -> None:
    """Mark clips of `old` as changed if their file's hash differs from that in their shard.

    Clips whose shard is missing, or is rebuilt anyway, are not read. The hashes of one shard at a
    time are in memory.

    Args:
        old: Comparison with the previous plan.
        folder: Prepared dataset.
        timeout_seconds: Time limit per file.
        report: Receives progress.

    Raises:
        MachineError: A file cannot be read.
    """
    stale = old.stale()
    touched = {name: at[old.said[at] == TOUCHED] for name, at in old.shards.items()}
    paths = {name: folder / SHARDS / name for name in touched if len(touched[name])}
    paths = {name: path for name, path in paths.items() if name not in stale and path.is_file()}
    total = sum(len(touched[name]) for name in paths)
    if not total:
        return
    report.say(
        f"{total} source files have another time than planned: their bytes are compared with those "
        "that the shards were made from"
    )
    with report.task("compare", total=total) as progress:
        for name, path in paths.items():
            known = _hashes(path)
            for place in touched[name].tolist():
                clip = old.clips[place]
                sha256 = known.get(clip.id)
                if sha256 is None:
                    old.said[place] = UNSURE
                elif not _is_same(clip, sha256, timeout_seconds):
                    old.said[place] = CHANGED
                progress.advance()


def _hashes(path: Path) -> dict[str, str | None]:
    """Return the SHA-256 of a shard's sources by clip id; empty if it cannot be read."""
    reader = ShardReader(path)
    try:
        return {record.id: record.source_sha256 for record in reader.records()}
    except _UNREADABLE:
        return {}
    finally:
        reader.close()


def _is_same(clip: SourceClip, sha256: str, timeout_seconds: float) -> bool:
    try:
        return hash_unchanged(clip, timeout_seconds) == sha256
    except MediaError as error:
        if error.reason == "changed":
            return False
        raise MachineError(
            f"{error}: nobody can tell whether its shard is still right: run again when it can be"
        ) from error
