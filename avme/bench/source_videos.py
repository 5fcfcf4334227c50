"""Source videos of a prepared dataset."""

from pathlib import Path

from avme.errors import UsageError
from avme.io.atomic import read_json
from avme.io.filenames import INDEX, PLAN
from avme.prep.plan_file import MOST_PLAN_BYTES
from avme.shards.dataset import ClipEntry, PreparedDataset


def videos_of(prepared: PreparedDataset, root: Path | None) -> dict[ClipEntry, Path]:
    """Return the video of every clip that has one below `root`, or below the dataset's source.

    Segments of long videos are left out. Raises UsageError if no video is found.
    """
    folder = root or _root(prepared)
    found = {entry: folder / entry.id for entry in prepared.entries}
    there = {entry: path for entry, path in found.items() if path.is_file()}
    if not there:
        raise UsageError(
            f"{folder} holds no video of {prepared.folder}: name the folder that the ids in its "
            f"{INDEX} count from with --videos"
        )
    return there


def _root(prepared: PreparedDataset) -> Path:
    plan = read_json(prepared.folder / PLAN, most_bytes=MOST_PLAN_BYTES)
    if named := plan["call"].get("root"):
        return Path(named)
    source = Path(plan["identity"]["source"])
    return source.parent if source.is_file() else source
