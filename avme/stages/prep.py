"""Preparation: videos in, a prepared dataset out.

Request, source, plan, runner, publication. Each step may be killed at any time; the same command
continues after the last finished shard.
"""

from contextlib import ExitStack

from avme.io.atomic import read_json
from avme.io.disk import writing
from avme.io.filenames import DATASET_MANIFEST
from avme.media.decode import Recipe
from avme.prep.dry_run import DryRun, estimate, warn_of_disk
from avme.prep.locks import lock_planning, lock_publishing
from avme.prep.plan import Plan, make_plan
from avme.prep.publish import publish, require_max_failed
from avme.prep.request import Request, find_recipe, find_source, warn_of_ffmpeg
from avme.prep.runner import build_shards
from avme.progress import Reporter
from avme.shards.dataset import PreparedDataset
from avme.sources.splits import SourceResult


def prepare(
    request: Request, *, report: Reporter, dask: str | None = None
) -> PreparedDataset | None:
    """Prepare what was requested; return the dataset, None while other partitions are missing.

    Its entries are read on access: a later run on the folder may have changed them.

    Args:
        request: Source, layout, folder, settings and partition.
        report: Receives progress.
        dask: Address of a cluster to run on.

    Raises:
        UsageError: The source or a setting is not usable.
        MismatchError: The folder holds another dataset.
        TooManyFailedClips: More clips failed than allowed.
        SystemRequirementError: ffmpeg, disk space or workers are missing.
    """
    source, recipe = find_source(request), find_recipe(request.config)
    with writing(request.folder), ExitStack() as locks:
        with lock_planning(request, source.clips, locks):
            plan = make_plan(request, source, recipe, report)
            plan.write()
            _report_plan(plan, request, source, recipe, report)
        if plan.is_finished:
            return PreparedDataset.open(plan.folder, lazy=True)
        build_shards(plan, request, recipe, report, dask=dask)
        with lock_publishing(plan.folder):
            if request.share is not None and (others := len(plan.missing())):
                report.log(
                    f"part {request.share} is done; {others} shards of other parts are missing"
                )
                return None
            return publish(plan, request, source.splits, report)


def dry_run(request: Request, *, report: Reporter) -> DryRun:
    """Walk as `prepare` does up to the first shard, and estimate the rest; nothing is written."""
    source, recipe = find_source(request), find_recipe(request.config)
    plan = make_plan(request, source, recipe, report)
    return estimate(plan, request, source, recipe)


def require_possible(request: Request, *, report: Reporter) -> None:
    """Raise the errors of `prepare` up to the first shard; nothing is written."""
    make_plan(request, find_source(request), find_recipe(request.config), report)


def _report_plan(
    plan: Plan, request: Request, source: SourceResult, recipe: Recipe, report: Reporter
) -> None:
    """Report what changed, and warnings; of several partitions the first one's concern the source.

    Raises TooManyFailedClips if a finished dataset lacks more clips than allowed now.
    """
    if plan.is_finished:
        counts = read_json(plan.folder / DATASET_MANIFEST)["counts"]
        require_max_failed(plan, counts["clips"], counts["quarantined"], request.config.max_failed)
        report.log(f"{plan.folder} is finished and nothing changed: {plan.num_clips} clips")
        return
    if retried := plan.outdated_for("retry"):
        report.log(f"{len(retried)} shards with quarantined clips are rebuilt")
    if plan.changes.total:
        report.log(f"{plan.changes.total} source files were added, removed or changed")
    is_first = request.share is None or request.share.index == 1
    of_source = source.warnings if is_first else ()
    for warning in (*warn_of_ffmpeg(recipe, plan.ffmpeg_version), *of_source):
        report.log(warning)
    warn_of_disk(plan, report)
