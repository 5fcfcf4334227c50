"""Preparing a set of N clips without a video: what grows in the process that plans and publishes.

Files are empty, and shards hold real records beside two pictures of ten bytes. The first call makes
them; each of the others is `avme prep` on them, and tells its time and the memory beyond that of
the imports. `first` finds all shards but one and no table, with lists; `other` has none and takes
groups instead; `nothing` is that once more.

    for call in write first other nothing; do
        python benchmarks/hollow_set.py 133200 /tmp/hollow $call
    done
"""

import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from avme.audio.loudness import Loudness
from avme.config.prep import PrepConfig
from avme.media.container.audio_track import AudioInfo
from avme.media.container.probe import MediaInfo
from avme.media.decode import DecodedClip
from avme.prep.plan import Plan, make_plan
from avme.prep.request import Request, find_recipe, find_source
from avme.progress import NullReporter
from avme.shards.record import record_of
from avme.shards.writer import ShardWriter
from avme.sources.find_clips import SourceOptions
from avme.stages.prep import prepare

_TESTED = {"01": range(1, 8), "02": range(8, 15), "03": range(15, 22)}


def main() -> None:
    """Makes the files and shards, or prepares the set that they are."""
    num_clips, out, call = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    source, config = out / "videos", PrepConfig(num_workers=1)
    if call == "write":
        write_files(num_clips, source, out / "lists")
        request = Request("ucf101", source, out=out, name="set", config=config)
        found, recipe = find_source(request), find_recipe(config)
        plan = make_plan(request, found, recipe, NullReporter())
        plan.write()
        write_shards(plan)
        return
    if call == "first":
        for path in (out / "set" / "dataset.json", out / "set" / "shards" / "shard-00000.h5"):
            path.unlink(missing_ok=True)
    began, cpu, base = time.monotonic(), time.process_time(), _status_kib("VmHWM")
    beside = SourceOptions(lists=out / "lists" if call == "first" else None)
    request = Request("ucf101", source, out=out, name="set", config=config, beside=beside)
    prepare(request, report=NullReporter())
    print(
        f"{num_clips} clips, {call}: {time.monotonic() - began:.1f} s, "
        f"{time.process_time() - cpu:.1f} s of them CPU, "
        f"peak {(_status_kib('VmHWM') - base) / 1024:.1f} MiB beyond imports"
    )


def write_files(num_clips: int, source: Path, lists: Path) -> None:
    """Empty files with names as in UCF-101, and its three lists."""
    lists.mkdir(parents=True)
    names = []
    for number in range(num_clips):
        name, group = f"Class{number % 101:03d}", number // 101 % 25 + 1
        names.append((group, f"{name}/v_{name}_g{group:02d}_c{number // 2525:06d}.avi"))
        path = source / names[-1][1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for split, groups in _TESTED.items():
        for part in ("train", "test"):
            listed = [name for group, name in names if (group in groups) == (part == "test")]
            (lists / f"{part}list{split}.txt").write_text("\n".join(listed), encoding="utf-8")


def write_shards(plan: Plan) -> None:
    """All shards of the plan, every clip with the same content."""
    media = hollow_media()
    for name, clips in plan.shards.items():
        with ShardWriter(plan.folder / "spool", 13) as shard:
            for clip in clips:
                shard.spool.write(bytes(20))
                shard.add(record_of(clip, 0, "a" * 64, media), media)
            shard.write(plan.shard_path(name))


def hollow_media() -> DecodedClip:
    """What a clip of two pictures of ten bytes would be."""
    audio = AudioInfo(1, "mp3", 44100, 2, 0.025)
    rate, tick = Fraction(25), Fraction(1, 25)
    return DecodedClip(
        info=MediaInfo(0, "mpeg4", 320, 240, rate, tick, 2, 0.0, audio),
        width=320,
        height=240,
        fps=rate,
        jpeg_bytes=np.array([10, 10]),
        pts=np.array([0.0, 0.04]),
        audio="audible",
        loudness=Loudness(-23.123, -1.23, 0.1234),
        audio_start_seconds=0.025,
        audio_seconds=7.125,
        mfcc=np.ones((8, 13), dtype=np.float32),
        audio_rows=(0, 8),
        ffmpeg_log="",
    )


def _status_kib(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1])
    raise KeyError(key)


if __name__ == "__main__":
    main()
