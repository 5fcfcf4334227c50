"""Prep request, and its resolution to clips, splits and ffmpeg without writing anything."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError, UsageError
from avme.io.filenames import DATASET_MANIFEST, JOURNAL, PLAN
from avme.io.symlinks import require_no_links
from avme.media.container.color import TONEMAP_FILTERS
from avme.media.decode import Recipe
from avme.media.ffmpeg.process import ffmpeg_version, find_ffmpeg, require_filters, skipped_ffmpeg
from avme.prep.partition import Partition
from avme.sources.find_clips import SourceOptions, find_clips
from avme.sources.folder import Layout
from avme.sources.splits import SourceResult
from avme.system.cpu_count import available_cores


@dataclass(frozen=True, slots=True)
class Request:
    """Request to prepare the videos of `source` as the dataset `out/name`."""

    layout: Layout
    source: Path
    """Folder of videos, or the table for `csv`."""
    _: KW_ONLY
    out: Path
    name: str
    config: PrepConfig
    beside: SourceOptions = field(default_factory=SourceOptions)
    share: Partition | None = None
    """Partition to build; None for all shards."""
    retry: bool = False
    """True to rebuild the shards of quarantined clips; not with a partition."""

    @property
    def folder(self) -> Path:
        """Folder of the dataset."""
        return self.out / self.name

    @property
    def workers(self) -> int:
        """Number of processes: as requested, else one per core."""
        return self.config.num_workers or available_cores()


def find_source(request: Request) -> SourceResult:
    """Find clips, splits and warnings; raises UsageError, also if the folder is not a dataset."""
    _require_dataset_folder(request.folder, request.name)
    return find_clips(request.layout, request.source, request.beside, request.config)


def find_recipe(config: PrepConfig) -> Recipe:
    """Return the decode settings.

    Raises SystemRequirementError without ffmpeg or a filter of it.
    """
    ffmpeg = find_ffmpeg()
    if config.hdr == "tonemap":
        require_filters(ffmpeg, TONEMAP_FILTERS)
    return Recipe(
        ffmpeg=ffmpeg,
        jpeg_quality=config.jpeg_quality,
        short_side=config.short_side,
        num_cepstra=config.num_cepstra,
        silence_dbfs=config.silence_dbfs,
        timeout_seconds=config.timeout_seconds,
        max_seconds=config.max_seconds,
        max_bytes=round(config.max_clip_gb * 1e9),
        memory_bytes=config.memory_mb * 1024 * 1024,
        min_decoded_fraction=config.min_decoded_fraction,
        tonemap=config.hdr == "tonemap",
        untagged_hd_is_bt709=config.untagged_hd == "bt709",
        keep_audio=config.keep_audio,
    )


def warn_of_ffmpeg(recipe: Recipe, begun_with: str) -> Iterator[str]:
    """Return warnings if ffmpeg is not that on PATH, or not the version of the first clips."""
    version = ffmpeg_version(recipe.ffmpeg)
    if (skipped := skipped_ffmpeg()) is not None:
        yield f"warning: {skipped}: {version} of imageio-ffmpeg is used"
    if begun_with != version:
        yield (
            f"warning: this set was started with ffmpeg {begun_with}, this is {version}: frames of "
            "new shards differ from the others by one or two levels"
        )


def _require_dataset_folder(folder: Path, name: str) -> None:
    if not name or name in (".", "..") or Path(name).name != name:
        raise UsageError(f"{name!r} cannot be a set's name: give one word with --name")
    require_no_links(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose another folder with --out or --name")
    if folder.is_dir() and not (folder / PLAN).is_file():
        ours = [name for name in (DATASET_MANIFEST, JOURNAL) if (folder / name).is_file()]
        if ours:
            raise ArtifactError(
                f"{folder} holds {ours[0]} and no {PLAN}, which lists the clips of its shards: "
                "restore it from a backup, delete the folder or choose another with --out, and "
                "run again"
            )
        strange = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        if strange:
            raise UsageError(
                f"{folder} holds {strange[0]} and no {PLAN}, so `avme prep` did not make it: "
                "choose another folder with --out or --name"
            )
