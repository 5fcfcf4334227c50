"""Preparation: videos in, a prepared dataset out.

Plan, build the missing shards, publish. Each step may be killed at any time; the same command
continues after the last finished shard.
"""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from avme.config.prep import PrepConfig
from avme.errors import TooManyBadClips
from avme.io.atomic import read_json, sweep
from avme.io.disk import writing
from avme.io.filenames import DATASET_MANIFEST, SHARDS, SPLITS
from avme.io.lock import holding
from avme.prep import journal
from avme.prep.build_shards import WORK, make_shards, missing_shards
from avme.prep.dry_run import warn_of_disk
from avme.prep.partition import Share
from avme.prep.plan import Plan
from avme.prep.publish import MOST_NAMED, Tally, write_manifest, write_tables
from avme.prep.request import Intent, Request, intend
from avme.progress import Reporter
from avme.shards.dataset import PreparedSet
from avme.shards.ffmpeg_versions import describe_mixture
from avme.workers.pool import dask_crew, local_crew

_PATIENCE_SECONDS = 3600.0


def prepare(
    request: Request,
    *,
    report: Reporter,
    share: Share | None = None,
    dask: str | None = None,
    retry: bool = False,
) -> PreparedSet | None:
    """Prepare what was requested; return the finished dataset.

    Its entries are read on access: a later run on the folder may have changed them.

    Args:
        request: Source, layout, folder and settings.
        report: Receives progress.
        share: Build only the shards of this partition; None is returned while others are missing.
        dask: Address of a cluster to run on.
        retry: Rebuild the shards of quarantined clips; not with a partition.

    Raises:
        UsageError: The source or a setting is not usable.
        MismatchError: The folder holds another dataset.
        TooManyBadClips: More clips failed than allowed.
        MachineError: ffmpeg, disk space or workers are missing.
    """
    intent = intend(request)
    with writing(intent.folder), _planned(intent, share, retry, report) as plan:
        if plan is None:
            return PreparedSet.open(intent.folder, lazily=True)
        missing = missing_shards(plan, share)
        if missing:
            workers = min(intent.workers, len(missing))
            seconds = intent.request.config.dask_timeout_seconds
            made = local_crew(workers) if dask is None else dask_crew(dask, timeout_seconds=seconds)
            with made as crew:
                make_shards(plan, missing, intent.recipe(), crew, report)
        with _planning(intent.folder):
            if share is not None and (others := len(plan.missing())):
                report.say(f"part {share} is done; {others} shards of others are still to be made")
                return None
            return _publish(intent, plan, report)


def require_possible(request: Request, report: Reporter) -> None:
    """Raise the errors of `prepare` up to the first shard; nothing is written."""
    intend(request).draft(report)


@contextmanager
def _planned(
    intent: Intent, share: Share | None, retry: bool, report: Reporter
) -> Iterator[Plan | None]:
    """Return the plan, None if all shards exist, while holding the locks of its shards."""
    folder = intent.folder
    if share is None:
        with holding(folder):
            yield _put_down(intent, share, retry, report)
        return
    with ExitStack() as locks:
        with _planning(folder):
            _require_no_other_count(folder, share)
            if intent.has_other_files():
                with holding(folder):  # other partitions follow the plan as it was
                    plan = _put_down(intent, share, retry, report)
            else:
                plan = _put_down(intent, share, retry, report)
            locks.enter_context(holding(folder, shared=True))
            locks.enter_context(holding(folder, f"parts-of-{share.count}", shared=True))
            locks.enter_context(holding(folder, f"part-{share.index}-of-{share.count}"))
        yield plan


def _planning(folder: Path) -> AbstractContextManager[None]:
    """Lock for planning and publishing, which partitions do one at a time."""
    return holding(folder, "plan", patience_seconds=_PATIENCE_SECONDS)


def _require_no_other_count(folder: Path, share: Share) -> None:
    """Raise UsageError if partitions of another count are at work."""
    for path in folder.glob(".parts-of-*.lock"):
        name = path.name[1:].removesuffix(".lock")
        if name != f"parts-of-{share.count}":
            with holding(folder, name):
                pass


def _put_down(intent: Intent, share: Share | None, retry: bool, report: Reporter) -> Plan | None:
    """Write the plan and return it; None if all shards exist."""
    folder = intent.folder
    draft = intent.draft(report)
    state = intent.state(draft, retry)
    for broken in state.broken:  # first, as only the manifest records that they are damaged
        draft.plan.shard_path(broken).unlink(missing_ok=True)
    plan = draft.put_down(is_finished=state.is_finished)
    if state.is_finished:
        counts = read_json(folder / DATASET_MANIFEST)["counts"]
        _require_enough(plan, counts["clips"], counts["quarantined"], intent.request.config)
        report.say(f"{folder} is finished and nothing changed: {plan.num_clips} clips")
        return None
    (folder / DATASET_MANIFEST).unlink(missing_ok=True)
    if state.retried:
        report.say(f"{len(state.retried)} shards with quarantined clips are made anew")
        for name in state.retried:
            plan.shard_path(name).unlink(missing_ok=True)
    if plan.changes.total:
        report.say(f"{plan.changes.total} source files were added, removed or changed")
    for remark in intent.remarks(draft, share):
        report.say(remark)
    warn_of_disk(plan, report)
    return plan


def _publish(intent: Intent, plan: Plan, report: Reporter) -> PreparedSet:
    folder, splits, config = intent.folder, intent.source.splits, intent.request.config
    tally = write_tables(plan, splits)
    _say_what_is_bad(tally, report)
    _require_enough(plan, tally.good, len(tally.bad), config)
    manifest = write_manifest(
        plan,
        tally,
        splits,
        journal.account(folder, [plan.shard_path(shard) for shard in plan.shards]),
        name=folder.name,
        layout=intent.request.layout,
        config=config,
    )
    shutil.rmtree(folder / WORK, ignore_errors=True)
    for place in (folder, folder / SHARDS, folder / SPLITS):
        sweep(place)
    _say_what_is_there(manifest, folder, report)
    if (warning := describe_mixture(manifest)) is not None:
        report.say(warning)
    return PreparedSet.open(folder, lazily=True)


def _require_enough(plan: Plan, num_good: int, num_bad: int, config: PrepConfig) -> None:
    allowed = max(1, int(config.max_bad * plan.num_clips))
    if not num_good:
        raise TooManyBadClips(
            f"none of the {num_bad} clips could be prepared: see {plan.folder / 'quarantine.csv'}",
            reason="too-many",
        )
    if num_bad > allowed:
        raise TooManyBadClips(
            f"{num_bad} of {plan.num_clips} clips are bad, {allowed} may be: see "
            f"{plan.folder / 'quarantine.csv'}; the good ones are kept, and a larger --max-bad "
            "goes on with them",
            reason="too-many",
        )


def _say_what_is_bad(tally: Tally, report: Reporter) -> None:
    for record in tally.named:
        report.say(f"quarantined {record.id}: {record.message} [{record.reason}]")
    if len(tally.bad) > MOST_NAMED:
        report.say(f"... and {len(tally.bad) - MOST_NAMED} more in quarantine.csv")


def _say_what_is_there(manifest: dict[str, Any], folder: Path, report: Reporter) -> None:
    counts = manifest["counts"]
    report.say(
        f"{folder}: {counts['clips']} clips, {len(manifest['classes'])} classes, "
        f"{counts['frames']} frames; {counts['sound']} with sound, {counts['silent']} silent, "
        f"{counts['none']} without a track, {counts['quarantined']} quarantined"
    )
    for name, facts in manifest["splits"].items():
        report.say(f"split {name}: {facts['train']} train, {facts['test']} test")
        for part in ("train", "test"):
            if not facts[part]:
                report.say(f"warning: split {name} has no {part} clip left: see quarantine.csv")
