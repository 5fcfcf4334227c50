"""Prep request, resolved to clips, splits and ffmpeg without writing anything."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError, UsageError
from avme.io.filenames import DATASET_MANIFEST, JOURNAL, PLAN
from avme.io.symlinks import require_no_links
from avme.media.container.color import TONEMAP_FILTERS
from avme.media.decode import Recipe
from avme.media.ffmpeg.process import ffmpeg_version, find_ffmpeg, require_filters, skipped_ffmpeg
from avme.prep.build_shards import shards_of_bad
from avme.prep.partition import Share
from avme.prep.plan import Draft, draft_plan
from avme.prep.plan_diff import read_earlier
from avme.prep.status import State, state_of
from avme.progress import Reporter
from avme.sources.find import Beside, find_clips
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
    beside: Beside = field(default_factory=Beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Resolved request."""

    request: Request
    folder: Path
    """Folder of the dataset."""
    source: SourceResult
    ffmpeg: str
    ffmpeg_version: str

    @property
    def workers(self) -> int:
        """Number of processes: as requested, else one per core."""
        return self.request.config.num_workers or available_cores()

    def draft(self, report: Reporter | None = None) -> Draft:
        """Draft the plan; raises MismatchError if a different one exists.

        `report` receives progress if source files are hashed.
        """
        return draft_plan(
            self.source.clips,
            folder=self.folder,
            source=self.request.source,
            layout=self.request.layout,
            config=self.request.config,
            ffmpeg_version=self.ffmpeg_version,
            beside=self.request.beside.as_call(),
            report=report,
        )

    def has_other_files(self) -> bool:
        """Return True if an existing plan has other files, mtimes or another source folder."""
        old = read_earlier(self.folder / PLAN, self.source.clips)
        changes, source = old.changes(), str(self.request.source.resolve())
        return changes.total + changes.touched > 0 or old.source not in (None, source)

    def recipe(self) -> Recipe:
        """Return the decode settings."""
        config = self.request.config
        return Recipe(
            ffmpeg=self.ffmpeg,
            jpeg_quality=config.jpeg_quality,
            short_side=config.short_side,
            num_cepstra=config.num_cepstra,
            silence_dbfs=config.silence_dbfs,
            timeout_seconds=config.timeout_seconds,
            max_seconds=config.max_seconds,
            max_bytes=round(config.max_clip_gb * 1e9),
            memory_bytes=config.memory_mb * 1024 * 1024,
            min_decoded=config.min_decoded,
            tonemap=config.hdr == "tonemap",
            untagged_hd_is_bt709=config.untagged_hd == "bt709",
        )

    def state(self, draft: Draft, retry: bool) -> State:
        """Compare the draft with the folder; `retry` rebuilds quarantined clips."""
        state = state_of(draft, self.source.splits)
        bad = shards_of_bad(draft.plan) if retry else ()
        retried = tuple(name for name in bad if name not in state.to_make)
        return replace(state, retried=retried, is_finished=state.is_finished and not retried)

    def remarks(self, draft: Draft, share: Share | None = None) -> tuple[str, ...]:
        """Return warnings to print first; of several partitions only the first one's concern the
        dataset."""
        of_machine = self._ffmpeg_remarks(draft.plan.ffmpeg_version)
        is_first = share is None or share.index == 1
        return (*of_machine, *(self.source.warnings if is_first else ()))

    def _ffmpeg_remarks(self, begun_with: str) -> Iterator[str]:
        if (skipped := skipped_ffmpeg()) is not None:
            yield f"warning: {skipped}: {self.ffmpeg_version} of imageio-ffmpeg is used"
        if begun_with != self.ffmpeg_version:
            yield (
                f"warning: this set was begun with ffmpeg {begun_with}, this is "
                f"{self.ffmpeg_version}: pictures of shards made now differ slightly from those of "
                "the others, by one or two levels"
            )


def intend(request: Request) -> Intent:
    """Resolve a request to clips, splits and ffmpeg; raises UsageError and MachineError."""
    folder = _set_folder(request.out, request.name)
    source = find_clips(request.layout, request.source, request.beside, request.config)
    ffmpeg = find_ffmpeg()
    if request.config.hdr == "tonemap":
        require_filters(ffmpeg, TONEMAP_FILTERS)
    return Intent(
        request=request,
        folder=folder,
        source=source,
        ffmpeg=ffmpeg,
        ffmpeg_version=ffmpeg_version(ffmpeg),
    )


def _set_folder(out: Path, name: str) -> Path:
    if not name or name in (".", "..") or Path(name).name != name:
        raise UsageError(f"{name!r} cannot be a set's name: give one word with --name")
    folder = out / name
    require_no_links(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose another folder with --out or --name")
    if folder.is_dir() and not (folder / PLAN).is_file():
        ours = [name for name in (DATASET_MANIFEST, JOURNAL) if (folder / name).is_file()]
        if ours:
            raise ArtifactError(
                f"{folder} holds {ours[0]} and no {PLAN}, which tells what clips its shards hold: "
                "restore it from a backup, or delete the folder or choose another with --out, and "
                "run again"
            )
        strange = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        if strange:
            raise UsageError(
                f"{folder} holds {strange[0]} and no {PLAN}, so `avme prep` did not make it: "
                "choose another folder with --out or --name"
            )
    return folder
