"""Writing of a report: runs in, one HTML file out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from avme.errors import AvmeError, UsageError
from avme.io.atomic import write_text
from avme.io.filenames import DATASET_MANIFEST
from avme.report.page import build_page
from avme.report.runs import read_contents
from avme.report.video_links import VideoFolder
from avme.shards.dataset import read_manifest

REPORT: Final = "report.html"
MEDIA_MB: Final = 10.0
_DATA: Final = Path("data")


def write_report(
    runs: Sequence[Path],
    out: Path | None = None,
    *,
    data: Sequence[Path] = (),
    media_mb: float = MEDIA_MB,
    videos: Path | None = None,
) -> Path:
    """Write the report of some runs as one file that needs no network; return its path.

    Equal runs give equal bytes.

    Args:
        runs: Run folders, and results folders of evaluations.
        out: File to write; None for report.html in the first folder.
        data: Prepared datasets, whose clips are embedded; those in data/ are found by themselves.
        media_mb: Megabytes that images and videos may take.
        videos: Folder of the original videos, to which the names of clips are linked.

    Raises:
        UsageError: No run was given, the file is a folder, or `videos` holds no clip.
        ArtifactError: A folder is neither a run nor the results of an evaluation.
        OSError: The file cannot be written.
    """
    if not runs:
        raise UsageError("no run was given: name at least one run folder")
    out = runs[0] / REPORT if out is None else out
    if out.is_dir():
        raise UsageError(f"{out} is a folder, expected a file: add a name such as {REPORT}")
    contents = read_contents(list(runs))
    ids = (clip for found in contents.evaluations for clip in found.predictions.id)
    linked = None if videos is None else VideoFolder.open(videos, out.parent, ids)
    write_text(out, build_page(contents, out, _datasets(data), int(media_mb * 1e6), linked))
    return out


def _datasets(given: Sequence[Path]) -> dict[str, Path]:
    """Return the folders of datasets by fingerprint; those that cannot be opened are left out."""
    found: dict[str, Path] = {}
    for folder in (*given, *sorted(path.parent for path in _DATA.glob(f"*/{DATASET_MANIFEST}"))):
        try:
            found.setdefault(str(read_manifest(folder)["fingerprint"]), folder)
        except (AvmeError, OSError):
            if folder in given:
                raise
    return found
