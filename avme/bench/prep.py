"""Preparation benchmark: speed of `avme prep` relative to real time and to ffmpeg alone.

The ffmpeg baseline runs the command line of `prep` without audio, one process per video and as many
at a time as `prep` has workers, and discards its JPEGs. `prep` is complete: it also starts workers,
probes, measures audio, hashes, and writes and publishes a dataset.
"""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from avme.bench.source_videos import videos_of
from avme.bench.timing import Candidate, Timing, run_interleaved
from avme.config import PrepConfig
from avme.io.atomic import read_json
from avme.io.filenames import PLAN
from avme.media.container.probe import probe
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.process import find_ffmpeg, target_size, transcode
from avme.prep.plan_file import MOST_PLAN_BYTES
from avme.prep.request import Request
from avme.progress import NullReporter, Reporter
from avme.shards.dataset import PreparedDataset
from avme.stages.prep import prepare
from avme.system.cpu_count import available_cores

_SETTINGS = "settings."


@dataclass(frozen=True, slots=True)
class PrepRow:
    """Result of one candidate: medians over the rounds, and the fastest and slowest round."""

    name: str
    seconds: float
    """Wall time."""
    fastest: float
    slowest: float
    core_seconds: float
    """CPU seconds."""
    core_fastest: float
    core_slowest: float
    real_time: float
    """Seconds of video prepared per second."""
    ratio: float
    """Relative to the seconds of the first row."""
    core_ratio: float
    """Relative to the CPU seconds of the first row, which depend less on other load."""


@dataclass(frozen=True, slots=True)
class PrepBench:
    """Result table with its conditions."""

    rows: tuple[PrepRow, ...]
    clips: int
    video_seconds: float
    workers: int


def bench_prep(
    folder: Path,
    *,
    videos: Path | None,
    clips: int,
    rounds: int,
    workers: int | None,
    report: Reporter,
) -> PrepBench:
    """Prepare up to `clips` videos of a dataset again, with its settings.

    Args:
        folder: Prepared dataset.
        videos: Folder of its source videos, if they moved.
        clips: Maximum number of videos.
        rounds: Number of rounds.
        workers: Number of processes.
        report: Receives progress.

    Raises:
        UsageError: The videos are missing.
    """
    prepared = PreparedDataset.open(folder)
    found = list(videos_of(prepared, videos).items())
    chosen = found[:: max(1, len(found) // clips)][:clips]
    count = workers or available_cores()
    config = _settings(prepared).model_copy(update={"num_workers": count})
    with TemporaryDirectory(prefix="avme-bench-") as made:
        work = Path(made)
        for number, (_, path) in enumerate(chosen):
            # subsets and classes do not affect the time, but a dataset must have them
            side = work / "videos" / ("test" if number % 2 else "train") / "all"
            side.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, side / f"{number}{path.suffix}")
        alone = _ffmpeg_alone([path for _, path in chosen], config, work)
        sets = iter(range(1, rounds + 1))

        def prep(_: int) -> object:
            source, name = work / "videos", f"set{next(sets)}"
            request = Request("folder", source, out=work, name=name, config=config)
            return prepare(request, report=NullReporter())

        scores = run_interleaved(
            [Candidate("ffmpeg alone", alone), Candidate("avme prep", prep)],
            pieces=1,
            rounds=rounds,
            warm_up=0,
            report=report,
        )
    seconds = sum(float(entry.num_frames / entry.fps) for entry, _ in chosen)
    rows = tuple(_row(score, scores[0], seconds) for score in scores)
    return PrepBench(rows, len(chosen), seconds, count)


def _settings(prepared: PreparedDataset) -> PrepConfig:
    identity = read_json(prepared.folder / PLAN, most_bytes=MOST_PLAN_BYTES)["identity"]
    return PrepConfig.model_validate(
        {
            key.removeprefix(_SETTINGS): value
            for key, value in identity.items()
            if key.startswith(_SETTINGS)
        }
    )


def _ffmpeg_alone(paths: Sequence[Path], config: PrepConfig, work: Path) -> "_Passes":
    calls = []
    for path in paths:
        info = probe(path)
        calls.append(
            transcode_arguments(
                find_ffmpeg(),
                path,
                Path(os.devnull),
                replace(info, audio=None),
                size=target_size(info, config.short_side),
                jpeg_quality=config.jpeg_quality,
            )
        )
    return _Passes(calls, config, work)


@dataclass(frozen=True, slots=True)
class _Passes:
    """All ffmpeg calls, as many at a time as there are workers."""

    calls: Sequence[list[str]]
    config: PrepConfig
    work: Path

    def __call__(self, _: int) -> None:
        with ThreadPoolExecutor(self.config.num_workers) as pool:
            list(pool.map(self._run, range(len(self.calls))))

    def _run(self, call: int) -> None:
        transcode(self.calls[call], timeout_seconds=self.config.timeout_seconds)


def _row(score: Timing, first: Timing, video_seconds: float) -> PrepRow:
    return PrepRow(
        name=score.name,
        seconds=score.median_wall_seconds,
        fastest=min(score.wall_seconds),
        slowest=max(score.wall_seconds),
        core_seconds=score.median_core_seconds,
        core_fastest=min(score.core_seconds),
        core_slowest=max(score.core_seconds),
        real_time=video_seconds / score.median_wall_seconds,
        ratio=score.median_wall_seconds / first.median_wall_seconds,
        core_ratio=score.median_core_seconds / first.median_core_seconds,
    )
