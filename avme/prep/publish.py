"""Publication of a dataset: tables and manifest from the finished shards.

Everything follows from the shards, the plan and the splits, so that it can be repeated after any
kill. `dataset.json` is written last.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError
from avme.io.atomic import replacing, write_json
from avme.io.filenames import DATASET_MANIFEST, INDEX, QUARANTINE
from avme.io.hashing import list_sha256, sha256_of
from avme.io.json_checksum import with_checksum
from avme.prep.plan import Plan
from avme.prep.write_shard import ShardDone
from avme.shards.contents import StoredClip, stored_in
from avme.shards.dataset import DATASET_SCHEMA, split_path
from avme.shards.ffmpeg_versions import count_versions
from avme.shards.manifest import fingerprint
from avme.shards.reader import ShardReader
from avme.shards.record import ClipRecord
from avme.shards.tables import MOST_NAMED as MOST_NAMED  # a part of what is asked for here
from avme.shards.tables import Tally as Tally
from avme.shards.tables import clip_id_of, merge_by_id, write_rows
from avme.sources.folder import Layout
from avme.sources.splits import Split


def write_tables(plan: Plan, splits: Sequence[Split]) -> Tally:
    """Write `index.csv` (valid clips) and `quarantine.csv` (the others).

    Raises ArtifactError if a shard does not match the plan.
    """
    with ExitStack() as tables:
        index, quarantine = (
            tables.enter_context(_text(plan.folder / name)) for name in (INDEX, QUARANTINE)
        )
        lists = {split.name: (split.train, split.test) for split in splits}
        return write_rows(in_order(plan), lists, index=index, quarantine=quarantine)


def write_manifest(
    plan: Plan,
    tally: Tally,
    splits: Sequence[Split],
    shards: Sequence[ShardDone],
    *,
    name: str,
    layout: Layout,
    config: PrepConfig,
) -> dict[str, Any]:
    """Write the split lists, then `dataset.json`; return its content.

    Args:
        plan: Plan of the dataset.
        tally: Counts over all clips.
        splits: Splits of the source.
        shards: Journal lines of all shards.
        name: Name of the dataset.
        layout: Layout of the source.
        config: Settings of prep.
    """
    listed: dict[str, Any] = {}
    for split in splits:
        facts: dict[str, Any] = {"planned_sha256": planned_sha256(split)}
        for part, members in (("train", split.train), ("test", split.test)):
            path = split_path(plan.folder, split.name, part)
            count, sha256 = _write_list(path, (i for i in members if i not in tally.bad))
            facts |= {part: count, f"{part}_sha256": sha256}
        listed[split.name] = facts
    content = {
        "classes": list(plan.classes),
        "settings": config.content(),
        "splits": listed,
        "shards": {
            done.name: {"sha256": done.sha256, "bytes": done.num_bytes, "clips": done.clips}
            for done in sorted(shards, key=lambda done: done.name)
        },
    }
    manifest = {
        "schema": DATASET_SCHEMA,
        "name": name,
        "layout": layout,
        "fingerprint": fingerprint(content),
        "counts": tally.counts(),
        **content,
        "statistics": tally.statistics(),
        "ffmpeg": count_versions(done.ffmpeg for done in shards),
        "tables": {name: sha256_of(plan.folder / name) for name in (INDEX, QUARANTINE)},
    }
    manifest = with_checksum(manifest)
    write_json(plan.folder / DATASET_MANIFEST, manifest)
    return manifest


def planned_sha256(split: Split) -> str:
    """Return the hash of a split before quarantined clips are removed from it."""
    return list_sha256(chain(split.train, ("",), split.test))


def _write_list(path: Path, ids: Iterable[str]) -> tuple[int, str]:
    """Write ids, one per line; return their number and `list_sha256`."""
    count = 0
    with _text(path) as file:

        def written() -> Iterator[str]:
            nonlocal count
            for clip_id in ids:
                file.write(f"{clip_id}\n")
                count += 1
                yield clip_id

        sha256 = list_sha256(written())
    return count, sha256


@contextmanager
def _text(path: Path) -> Iterator[TextIOWrapper]:
    """Replace a text file; the text of a large dataset is never fully in memory."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


def in_order(plan: Plan) -> Iterator[StoredClip | ClipRecord]:
    """Yield the clips of all shards by id; a quarantined one as its record only.

    Raises ArtifactError if a shard does not match the plan.
    """
    return merge_by_id(_clips_of(plan, names) for names in _runs(plan))


def _runs(plan: Plan) -> list[list[str]]:
    """Group shards into runs whose clip ids ascend."""
    runs: list[list[str]] = []
    end = -1
    for name, clips in plan.shards.items():
        if not runs or clips.places.min() < end:
            runs.append([])
        runs[-1].append(name)
        end = clips.places.max()
    return runs


def _clips_of(plan: Plan, names: Iterable[str]) -> Iterator[StoredClip | ClipRecord]:
    for name in names:
        reader = ShardReader(plan.shard_path(name))
        records = reader.records()
        if [record.id for record in records] != list(plan.shards[name].ids()):
            raise ArtifactError(
                f"{reader.path} holds other clips than {plan.folder / 'plan.json'} says: delete it "
                "and run the same command again"
            )
        stored = stored_in(reader, records)
        reader.close()
        clips: list[StoredClip | ClipRecord] = [*stored.good, *stored.bad]
        yield from sorted(clips, key=clip_id_of)
