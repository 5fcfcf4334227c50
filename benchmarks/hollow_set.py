"""Planning and publishing a set of N clips without a video: what grows in the one process.

Shards hold real records beside two pictures of ten bytes; they are written by the first call and
published by the second, so that each shows its own memory.

    for call in write publish; do python benchmarks/hollow_set.py 133200 /tmp/hollow; done
"""

import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from avme.config.prep import PrepConfig
from avme.data import journal
from avme.data.catalog import Catalog, Cataloguing, SourceClip
from avme.data.plan import Plan, draft_plan
from avme.data.prepared import PreparedSet
from avme.data.publish import write_manifest, write_tables
from avme.data.record import record_of
from avme.data.shard import ShardWriter
from avme.data.splits import splits_by_group_number
from avme.media.extract import Extracted
from avme.media.probe import AudioInfo, MediaInfo
from avme.media.sound import Loudness


def main() -> None:
    """Makes the shards, or publishes those that are there; a line for every step."""
    num_clips, out = int(sys.argv[1]), Path(sys.argv[2])
    laps = Laps()
    clips = hollow_clips(num_clips)
    laps.say("clips")
    splits = splits_by_group_number(clips).splits
    laps.say("splits")
    config = PrepConfig()
    draft = draft_plan(
        clips, folder=out, source=Path("/"), layout="ucf101", config=config, ffmpeg_version=""
    )
    laps.say("draft")
    plan = draft.put_down()
    laps.say("plan.json")
    shards = [plan.shard_path(name) for name in plan.shards]
    if plan.missing():
        write_shards(plan)
        journal.account(out, shards)
        laps.say("shards")
        return
    tally = write_tables(plan, splits)
    laps.say("tables")
    accounts = journal.account(out, shards)
    write_manifest(plan, tally, splits, accounts, name="x", layout="ucf101", config=config)
    laps.say("manifest")
    PreparedSet.open(out, lazily=True)
    laps.say("open")


class Laps:
    """Seconds since the last line, and memory beyond that of the imports."""

    def __init__(self) -> None:
        self._base_kib = _status_kib("VmRSS")
        self._began = time.monotonic()

    def say(self, what: str) -> None:
        """Prints the line."""
        seconds = time.monotonic() - self._began
        now, peak = (_status_kib(key) - self._base_kib for key in ("VmRSS", "VmHWM"))
        print(f"{what:<12} {seconds:8.2f} s {now / 1024:8.1f} MiB, peak {peak / 1024:8.1f} MiB")
        self._began = time.monotonic()


def hollow_clips(num_clips: int) -> Catalog:
    """Clips with names as in UCF-101."""
    root = Path("/data/UCF-101")
    clips = Cataloguing(root)
    for number in range(num_clips):
        name, group = f"Class{number % 101:03d}", number // 101 % 25 + 1
        clip_id = f"{name}/v_{name}_g{group:02d}_c{number // 2525:06d}.avi"
        clips.add(
            SourceClip(
                id=clip_id,
                path=root / clip_id,
                class_name=name,
                group=f"g{group:02d}",
                part=None,
                num_bytes=200_000 + number,
                mtime_ns=1_700_000_000_123_456_789 + number,
            )
        )
    return clips.catalog()


def write_shards(plan: Plan) -> None:
    """All shards of the plan, every clip with the same content."""
    media = hollow_media()
    for name, clips in plan.shards.items():
        with ShardWriter(plan.folder / "spool", 13) as shard:
            for clip in clips:
                shard.spool.write(bytes(20))
                shard.add(record_of(clip, 0, "a" * 64, media), media)
            shard.write(plan.shard_path(name))


def hollow_media() -> Extracted:
    """What a clip of two pictures of ten bytes would be."""
    sound = AudioInfo(1, "mp3", 44100, 2, 0.025)
    rate, tick = Fraction(25), Fraction(1, 25)
    return Extracted(
        info=MediaInfo(0, "mpeg4", 320, 240, rate, tick, 2, 0.0, sound),
        width=320,
        height=240,
        fps=rate,
        jpeg_bytes=np.array([10, 10]),
        pts=np.array([0.0, 0.04]),
        audio="sound",
        loudness=Loudness(-23.123, -1.23, 0.1234),
        sound_start_seconds=0.025,
        sound_seconds=7.125,
        mfcc=np.ones((8, 13), dtype=np.float32),
        sounding_rows=(0, 8),
        complaints="",
    )


def _status_kib(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1])
    raise KeyError(key)


if __name__ == "__main__":
    main()
