"""Loading benchmark: clips per second of one core, for avme and the baselines.

All do the same job: the same windows of the same clips in the same order, the same crop, RGB bytes
of the model's size. Only the last row, which no baseline supports, loads audio too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avme.bench.baselines import Load, find_baselines, without_broken
from avme.bench.source_videos import videos_of
from avme.bench.timing import Candidate, Timing, one_core, run_interleaved
from avme.config import ClipConfig, CropConfig
from avme.data.clip_reader import ClipReader
from avme.data.crop import Box
from avme.data.dataset import TrainDataset
from avme.data.sampler import SampleDraw, SampleOrder
from avme.data.temporal_sampling import Window
from avme.data.transforms import PretrainTransform, torch_seed
from avme.errors import UsageError
from avme.progress import Reporter
from avme.shards.dataset import ClipEntry, PreparedDataset

OURS = "avme"
WITH_AUDIO = "avme with audio"


@dataclass(frozen=True, slots=True)
class LoaderRow:
    """Result of one candidate: medians over the rounds, and the slowest and fastest round."""

    name: str
    clips_per_second: float
    """Per core: clips divided by CPU seconds."""
    slowest: float
    fastest: float
    wall_clips_per_second: float
    """By wall time, on one core that other processes may share."""
    ratio: float
    """Relative to the clips per second of the first row."""


@dataclass(frozen=True, slots=True)
class LoaderBench:
    """Result table with its conditions."""

    rows: tuple[LoaderRow, ...]
    absent: dict[str, str]
    """Unavailable baselines, with reasons."""
    clips: int
    """Number of distinct clips in the benchmark."""
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Job:
    clip: int
    """Index of the clip in the list."""
    seed: int
    entry: ClipEntry
    video: Path
    window: Window
    box: Box


def bench_loader(
    folder: Path,
    *,
    videos: Path | None,
    against: Sequence[str],
    windows: int,
    rounds: int,
    report: Reporter,
    clip: ClipConfig | None = None,
) -> LoaderBench:
    """Time all candidates.

    Args:
        folder: Prepared dataset.
        videos: Folder of its source videos, if they moved.
        against: Names of baselines.
        windows: Windows per round.
        rounds: Number of rounds.
        report: Receives progress.
        clip: Window settings.

    Raises:
        UsageError: Videos are missing or shorter than a window, or a baseline is unknown.
    """
    clip, prepared = clip or ClipConfig(), PreparedDataset.open(folder)
    peers = find_baselines(against)
    found = {
        entry: path
        for entry, path in videos_of(prepared, videos).items()
        if entry.num_frames >= clip.span_frames
    }
    if not found:
        raise UsageError(f"no clip of {folder} is as long as a window, {clip.span_frames} frames")
    count = prepared.num_cepstra or 1
    statistics = {
        "mean": [0.0] * count,
        "deviation": [1.0] * count,
    }  # values do not affect the time
    reader = ClipReader(prepared, tuple(found), statistics)
    view = PretrainTransform(clip, CropConfig())
    jobs = _jobs(found, view, windows)
    first = jobs[0]
    peers = without_broken(
        peers, first.video, first.window.frames(first.entry.num_frames), first.box
    )
    items = TrainDataset(reader, view)

    def ours(piece: int) -> object:
        job = jobs[piece]
        return reader.read_crops(job.entry, job.window, [job.box], clip.image_size)

    def with_audio(piece: int) -> object:
        return items[SampleDraw(jobs[piece].clip, jobs[piece].seed)]

    contenders = [
        Candidate(OURS, ours),
        *(Candidate(name, _doing(load, jobs, clip)) for name, load in peers.present.items()),
        Candidate(WITH_AUDIO, with_audio),
    ]
    with one_core():
        # Files are opened in the warm-up: training opens them once, not once per epoch.
        scores = run_interleaved(
            contenders, pieces=windows, rounds=rounds, warm_up=windows, report=report
        )
    entry = next(iter(found))
    rows = tuple(_row(score, scores[0], windows) for score in scores)
    return LoaderBench(rows, peers.absent, len(found), entry.width, entry.height)


def _jobs(found: dict[ClipEntry, Path], view: PretrainTransform, windows: int) -> list[_Job]:
    entries = tuple(found)
    jobs = []
    for draw in SampleOrder(num_clips=len(entries), batch=windows, seed=0).global_batch(0):
        entry = entries[draw.clip]
        with torch_seed(draw.seed):
            window, box = view.window(entry.num_frames), view.box(entry.height, entry.width)
        jobs.append(_Job(draw.clip, draw.seed, entry, found[entry], window, box))
    return jobs


def _doing(load: Load, jobs: Sequence[_Job], clip: ClipConfig) -> Callable[[int], object]:
    def work(piece: int) -> object:
        job = jobs[piece]
        return load(job.video, job.window.frames(job.entry.num_frames), job.box, clip.image_size)

    return work


def _row(score: Timing, first: Timing, windows: int) -> LoaderRow:
    return LoaderRow(
        name=score.name,
        clips_per_second=windows / score.median_core_seconds,
        slowest=windows / max(score.core_seconds),
        fastest=windows / min(score.core_seconds),
        wall_clips_per_second=windows / score.median_wall_seconds,
        ratio=first.median_core_seconds / score.median_core_seconds,
    )
