"""Verification of a finished dataset: all damage, and the command that fixes it.

Nothing is written. Shards are hashed and read by a few threads; their content is then compared with
the tables.
"""

import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avme.errors import ArtifactError
from avme.io.atomic import read_json
from avme.io.filenames import DATASET_MANIFEST, PLAN, SHARDS
from avme.io.shell_quote import comment
from avme.io.symlinks import find_links
from avme.media.ffmpeg.process import ffmpeg_version, find_ffmpeg
from avme.prep.ffmpeg_versions import describe_mixture
from avme.prep.plan_file import MOST_PLAN_BYTES
from avme.progress import Reporter
from avme.shards.contents import concat_contents
from avme.shards.manifest import require_schema, require_types
from avme.shards.name_rules import require_shard_name
from avme.shards.rebuild_command import delete_command, places_of, prep_command, require_plan
from avme.system.cpu_count import available_cores
from avme.verify.problem import Problem
from avme.verify.shard_checks import ShardCheck, ShardFacts, check_shard
from avme.verify.table_checks import check_manifest, check_plan, check_tables

_MOST_THREADS = 4


@dataclass(frozen=True, slots=True)
class Verified:
    """Result of a verification."""

    folder: Path
    problems: tuple[Problem, ...]
    fix_commands: tuple[str, ...]
    """Shell commands that fix the dataset, or a sentence if no command helps; empty for an intact
    one."""
    warnings: tuple[str, ...]
    """Warnings about an intact dataset."""
    num_shards: int
    num_bytes: int
    num_clips: int
    num_clips_seen: int
    num_pictures: int

    @property
    def summary(self) -> str:
        """Return one sentence about an intact dataset."""
        return (
            f"{self.folder} is intact: {self.num_shards} shards of {self.num_bytes / 1e6:.1f} MB "
            f"match their hashes, {self.num_clips} clips match the tables, {self.num_pictures} "
            f"frames of {self.num_clips_seen} clips decode"
        )


def verify(folder: Path, *, all_frames: bool, seed: int, report: Reporter) -> Verified:
    """Check the dataset in `folder`.

    Args:
        folder: Prepared dataset.
        all_frames: Decode all frames instead of those of one clip per shard.
        seed: Chooses the clips.
        report: Receives progress.

    Raises:
        ArtifactError: No finished dataset of this version.
    """
    if links := _links(folder):
        return _only(folder, links)
    manifest = read_json(folder / DATASET_MANIFEST)
    require_schema(manifest.get("schema"), folder / DATASET_MANIFEST)
    plan, problems = _plan(folder)
    checks: list[ShardCheck] = []
    shards: tuple[ShardFacts, ...] = ()
    try:
        problems += check_manifest(manifest)
        shards = tuple(_shards(folder, manifest, plan))
        if plan:
            problems += check_plan(manifest, plan["shards"], folder)
        checks = _check_shards(shards, None if all_frames else seed, report)
        problems += [problem for check in checks for problem in check.problems]
        held = [check.stored for check in checks if check.stored is not None]
        stored = concat_contents(
            [clip for part in held for clip in part.good],
            [record for part in held for record in part.bad],
        )
        is_whole = len(held) == len(shards)
        problems += check_tables(folder, manifest, stored if is_whole else None)
        if not problems:
            require_types(manifest, folder / DATASET_MANIFEST)
    except ArtifactError as error:
        problems.append(Problem(DATASET_MANIFEST, str(error), delete=DATASET_MANIFEST))
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        what = f"is not what `avme prep` writes ({error!r})"
        problems.append(Problem(DATASET_MANIFEST, what, delete=DATASET_MANIFEST))
    return Verified(
        folder=folder,
        problems=tuple(problems),
        fix_commands=tuple(_fix_commands(folder, plan, problems)),
        warnings=tuple(_warnings(manifest, bool(problems))),
        num_shards=len(shards),
        num_bytes=sum(facts.num_bytes for facts in shards),
        num_clips=sum(facts.num_clips for facts in shards),
        num_clips_seen=sum(check.num_clips_seen for check in checks),
        num_pictures=sum(check.num_pictures for check in checks),
    )


def _links(folder: Path) -> list[Problem]:
    """Report entries that are neither files nor folders; nothing else is read then."""
    what = "is a link or no regular file, expected a file or folder of the set"
    names = sorted(str(path.relative_to(folder)) for path in find_links(folder))
    return [Problem(name, what, delete=name) for name in names]


def _only(folder: Path, links: list[Problem]) -> Verified:
    """Return the result for a dataset of which nothing else was checked."""
    plan = {} if any(problem.where == PLAN for problem in links) else _plan(folder)[0]
    copy = shlex.join(["cp", "-rL", str(folder), f"{folder}-copy"])
    fix_commands = (
        *_fix_commands(folder, plan, links),
        f"# or, if the links are your own, copy it: {copy}",
    )
    return Verified(folder, tuple(links), fix_commands, (), 0, 0, 0, 0, 0)


def _plan(folder: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Read the plan; return an empty one and the error if it is damaged."""
    try:
        plan = read_json(folder / PLAN, most_bytes=MOST_PLAN_BYTES)
        require_plan(plan)
        prep_command(plan, folder)
    except ArtifactError as error:
        return {}, [Problem(PLAN, f"cannot be read ({error})", delete="")]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return {}, [Problem(PLAN, f"is not what `avme prep` writes ({error!r})", delete="")]
    return plan, []


def _shards(folder: Path, manifest: dict[str, Any], plan: dict[str, Any]) -> Iterator[ShardFacts]:
    for name, facts in manifest["shards"].items():
        ids = plan["shards"].get(name) if plan else None
        yield ShardFacts(
            path=folder / SHARDS / require_shard_name(name),
            sha256=str(facts["sha256"]),
            num_bytes=int(facts["bytes"]),
            num_clips=int(facts["clips"]),
            ids=None if ids is None else tuple(ids),
            keep_audio=bool(manifest["settings"]["keep_audio"]),
        )


def _check_shards(
    shards: tuple[ShardFacts, ...], seed: int | None, report: Reporter
) -> list[ShardCheck]:
    """Check all shards in threads; yield the results in shard order."""
    threads = ThreadPoolExecutor(min(_MOST_THREADS, available_cores()))
    try:
        with report.task("verify", total=len(shards)) as progress:
            waiting = [
                threads.submit(check_shard, facts, None if seed is None else (seed, number))
                for number, facts in enumerate(shards)
            ]
            for _ in as_completed(waiting):
                progress.advance()
            return [check.result() for check in waiting]
    finally:
        threads.shutdown(cancel_futures=True)


def _warnings(manifest: dict[str, Any], is_broken: bool) -> Iterator[str]:
    made_with = manifest.get("ffmpeg")
    if not isinstance(made_with, dict):  # already reported
        return
    if (warning := describe_mixture(manifest)) is not None:
        yield warning
    if is_broken:
        here = ffmpeg_version(find_ffmpeg())
        if here not in made_with:
            yield (
                f"warning: this set was made with ffmpeg {', '.join(made_with)}, this machine has "
                f"{here}: frames rebuilt here differ by one or two levels"
            )


def _fix_commands(folder: Path, plan: dict[str, Any], problems: list[Problem]) -> Iterator[str]:
    if not problems:
        return
    if not plan:
        yield f"the source of {folder} is not recorded: delete it and prepare it again"
        return
    delete = {problem.delete for problem in problems if problem.delete}
    if delete:
        yield delete_command(folder, delete)
    yield prep_command(plan, folder)
    for path in places_of(plan):
        if not path.exists():
            yield comment(f"but {path} does not exist: restore it first")
