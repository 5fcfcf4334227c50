"""Estimate of a run of `avme prep`: what it would do, why, and at what cost.

Nothing is written to the dataset's folder, and the folder is not created. Disk and time are
estimated from a few clips that are prepared in a temporary folder.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from avme.errors import SystemRequirementError
from avme.io.disk import free_bytes, readable
from avme.media.decode import Recipe
from avme.prep.cost import CostRate, measure_cost
from avme.prep.plan import Plan
from avme.prep.request import Request, warn_of_ffmpeg
from avme.progress import Reporter
from avme.sources.clip_table import Selection
from avme.sources.splits import SourceResult, Split
from avme.system.cpu_count import available_cores

_TABLE_BYTES = 1000
"""Bytes per clip in plan, index, lists and journal: 600 to 900 for names as in UCF-101."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """Estimate of a run."""

    plan: Plan
    splits: tuple[Split, ...]
    warnings: tuple[str, ...]
    workers: int
    rate: CostRate | None
    """None if there is no clip to prepare."""
    free_bytes: int

    @property
    def shards(self) -> tuple[Selection, ...]:
        """Return the clips of every shard that would be built."""
        return tuple(self.plan.shards[name] for name in self.plan.outdated if name in self.plan.own)

    @property
    def new_bytes(self) -> float:
        """Estimate the final growth of the dataset, without deleted files."""
        if self.rate is None:
            return 0.0
        made = sum(self.rate.num_bytes(clips) for clips in self.shards)
        return made + _TABLE_BYTES * self.plan.num_clips

    @property
    def temporary_bytes(self) -> float:
        """Estimate the temporary files: spools of the shards in progress, and the frames of one
        clip each."""
        if self.rate is None:
            return 0.0
        shard = max(self.rate.num_bytes(clips) for clips in self.shards)
        clip = max(self.rate.num_bytes([clip]) for clips in self.shards for clip in clips)
        return self._at_once * (shard + clip)

    @property
    def freed_bytes(self) -> int:
        """Return the size of shards that would be deleted first."""
        deleted = self.plan.stale.union(self.plan.outdated_for("broken", "retry"))
        paths = [self.plan.shard_path(name) for name in deleted]
        return sum(path.stat().st_size for path in paths if path.is_file())

    @property
    def has_room(self) -> bool:
        """Return True if the disk suffices."""
        needed = self.new_bytes + self.temporary_bytes - self.freed_bytes
        return needed <= self.free_bytes

    @property
    def seconds(self) -> float:
        """Estimate the time: at least that of the longest shard, limited by the cores."""
        if self.rate is None:
            return 0.0
        each = [self.rate.seconds(clips) for clips in self.shards]
        return max(*each, sum(each) / min(self._at_once, available_cores()))

    def lines(self) -> Iterator[str]:
        """Format the estimate."""
        plan, num_to_build = self.plan, sum(len(clips) for clips in self.shards)
        num_own = sum(len(plan.shards[name]) for name in plan.own)
        others = (
            f" and {plan.num_clips - num_own} of other parts" if num_own < plan.num_clips else ""
        )
        yield (
            f"{plan.folder}: {plan.num_clips} clips of {len(plan.classes)} classes; "
            f"{num_own - num_to_build} done already{others}, {num_to_build} to build in "
            f"{len(self.shards)} of {len(plan.shards)} shards"
        )
        yield f"why: {'; '.join(self._reasons())}"
        yield from self.warnings
        for split in self.splits:
            yield f"split {split.name}: {len(split.train)} train, {len(split.test)} test"
        if self.rate is not None:
            yield from self._costs(self.rate)
        yield "nothing was written"

    def require_room(self) -> None:
        """Raise SystemRequirementError if the disk does not suffice."""
        if not self.has_room:
            needed = self.new_bytes + self.temporary_bytes - self.freed_bytes
            raise SystemRequirementError(
                f"the disk of {self.plan.folder} has {readable(self.free_bytes)} free, about "
                f"{readable(needed)} are needed: make room, choose another --out, or shrink frames "
                "with --set short_side=..."
            )

    @property
    def _at_once(self) -> int:
        return min(self.workers, len(self.shards))

    def _reasons(self) -> Iterator[str]:
        plan, changes = self.plan, self.plan.changes
        if plan.is_finished:
            yield "the set is finished and nothing changed: nothing to do"
            return
        if not plan.before:
            yield "a new set"
            return
        if changes.total:
            yield (
                f"source files: {changes.added} added, {changes.removed} removed, "
                f"{changes.changed} changed since it was planned"
            )
        missing = [name for name in plan.outdated_for("missing") if name not in plan.added]
        if missing:
            yield f"{len(missing)} shards are missing"
        if broken := plan.outdated_for("broken"):
            yield f"{len(broken)} shards do not have their recorded size"
        if retried := plan.outdated_for("retry"):
            yield f"{len(retried)} shards hold quarantined clips, which are retried"
        if not self.shards and not changes.total:
            yield "all shards exist: only tables, lists and manifest will be written"

    def _costs(self, rate: CostRate) -> Iterator[str]:
        enough = "enough" if self.has_room else "NOT ENOUGH"
        freed = f", after {readable(self.freed_bytes)} are freed" if self.freed_bytes else ""
        yield (
            f"disk: about {readable(self.new_bytes)} more, and {readable(self.temporary_bytes)} "
            f"while it runs{freed}; {readable(self.free_bytes)} are free: {enough}"
        )
        yield f"time: about {_minutes(self.seconds)} with {self.workers} workers"
        bad = f", {rate.num_bad} of them failed" if rate.num_bad else ""
        yield (
            f"both are estimates from {rate.num_clips} clips{bad}, prepared just now in "
            f"{rate.measured_seconds:.1f} s, assuming the same cost for every {rate.unit}"
        )


def estimate(plan: Plan, request: Request, source: SourceResult, recipe: Recipe) -> DryRun:
    """Estimate disk space and time of a plan from a few clips.

    Args:
        plan: Plan of the dataset.
        request: Number of workers.
        source: Splits and warnings.
        recipe: Decode settings.

    Raises:
        SystemRequirementError: The temporary folder lacks space.
    """
    clips = _together(plan, [name for name in plan.outdated if name in plan.own])
    return DryRun(
        plan=plan,
        splits=source.splits,
        warnings=(*warn_of_ffmpeg(recipe, plan.ffmpeg_version), *source.warnings),
        workers=request.workers,
        rate=measure_cost(clips, recipe) if len(clips) else None,
        free_bytes=free_bytes(plan.folder),
    )


def warn_of_disk(plan: Plan, report: Reporter) -> None:
    """Warn if the disk is probably too small, by what is known without a sample."""
    missing = set(plan.missing())
    if not missing:
        return
    clips = _together(plan, [name for name in plan.shards if name in missing])
    done = [plan.shard_path(name) for name in plan.shards if name not in missing]
    if done:
        each = sum(path.stat().st_size for path in done) / (plan.num_clips - len(clips))
        needed, why = each * len(clips), "if clips stay this large"
    else:
        needed = float(clips.num_bytes())
        why = "if frames take no more space than their videos (often they take more)"
    free = free_bytes(plan.folder)
    if needed > free:
        report.log(
            f"warning: {readable(free)} are free, {readable(needed)} will be needed {why}: "
            "--dry-run measures it"
        )


def _together(plan: Plan, names: Iterable[str]) -> Selection:
    """Return the clips of several shards."""
    indices = [plan.shards[name].indices for name in names]
    return Selection(plan.clips, np.concatenate([np.zeros(0, dtype=np.int64), *indices]))


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
