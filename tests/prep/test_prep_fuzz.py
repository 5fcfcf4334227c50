"""A thousand damaged clips of ten containers: each is prepared or quarantined, and nothing else.

More of them, or others, with AVME_FUZZ_CLIPS=10000 and AVME_FUZZ_SEED=1 in the environment.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.verify import verify

pytestmark = pytest.mark.slow

MakeVideo = Callable[..., Path]

NUM_CLIPS = int(os.environ.get("AVME_FUZZ_CLIPS", "1000"))
SEED = int(os.environ.get("AVME_FUZZ_SEED", "0"))
MOST_MEMORY_MB = 512
"""Far below what is allowed: the sources are tiny, whatever their headers say."""

TONE = "sine=frequency=440:sample_rate=48000"
REASONS = {
    *(
        "empty",
        "unreadable",
        "no-video",
        "no-frames",
        "undecodable",
        "crashed",
        "memory",
        "timeout",
    ),
    *("truncated", "too-long", "too-large", "unforeseen"),
}
KINDS = {
    "mpeg4.avi": ("-c:v", "mpeg4", "-g", "4", "-c:a", "pcm_s16le"),
    "mp3.avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "h264.mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
    "fragments.mp4": ("-c:v", "libx264", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "flac.mkv": ("-c:v", "mpeg4", "-c:a", "flac"),
    "vp8.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
    "mp2.mpg": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "h264.ts": ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
    "theora.ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
    "wmv2.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
}
SCRIPT = """
import json, resource, sys
from pathlib import Path
from avme.config.prep import PrepConfig
from avme.progress import NullReporter
from avme.prep.request import Request
from avme.stages.prep import prepare

if __name__ == "__main__":
    config = PrepConfig(num_workers=2, max_failed=1.0, timeout_seconds=30.0, max_seconds=600.0)
    out = Path(sys.argv[2])
    request = Request("folder", Path(sys.argv[1]), out=out, name="set", config=config)
    prepare(request, report=NullReporter())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"kilobytes": used.ru_maxrss}))
"""


def cut_off(clip: bytearray, draw: np.random.Generator) -> bytearray:
    return clip[: draw.integers(len(clip))]


def zero(clip: bytearray, draw: np.random.Generator) -> bytearray:
    begin, length = index(clip, draw)
    clip[begin : begin + length] = bytes(length)
    return clip


def flip_bits(clip: bytearray, draw: np.random.Generator) -> bytearray:
    for at in draw.integers(len(clip), size=draw.integers(1, 60)):
        clip[at] ^= 1 << int(draw.integers(8))
    return clip


def swap(clip: bytearray, draw: np.random.Generator) -> bytearray:
    (one, length), (other, _) = index(clip, draw), index(clip, draw)
    piece = clip[one : one + length]
    clip[one : one + length] = clip[other : other + length]
    clip[other : other + length] = piece
    return clip


def repeat(clip: bytearray, draw: np.random.Generator) -> bytearray:
    begin, length = index(clip, draw)
    return clip[:begin] + clip[begin : begin + length] * 3 + clip[begin + length :]


def lie(clip: bytearray, draw: np.random.Generator) -> bytearray:
    """Numbers of the header, where they usually lie, become extreme."""
    for _ in range(draw.integers(1, 5)):
        at = int(draw.integers(min(len(clip), 1024)))
        clip[at : at + 4] = bytes.fromhex(str(draw.choice(["ffffffff", "00000000", "7fffffff"])))
    return clip


def noise(clip: bytearray, draw: np.random.Generator) -> bytearray:
    begin, length = index(clip, draw)
    clip[begin : begin + length] = draw.bytes(length)
    return clip


CHANGES = (cut_off, zero, flip_bits, swap, repeat, lie, noise)


def index(clip: bytearray, draw: np.random.Generator) -> tuple[int, int]:
    """Where a piece begins, and its length."""
    begin = int(draw.integers(len(clip)))
    return begin, min(len(clip) - begin, int(2 ** draw.uniform(0, 11)))


def mutant(originals: list[bytes], number: int) -> bytes:
    """One to three changes of a clip, or the beginning of one and the end of another."""
    draw = np.random.default_rng([SEED, number])
    clip = bytearray(originals[number % len(originals)])
    if draw.random() < 0.1:
        other = originals[draw.integers(len(originals))]
        return bytes(clip[: draw.integers(len(clip))]) + other[draw.integers(len(other)) :]
    for change in draw.choice(len(CHANGES), size=draw.integers(1, 4)):
        clip = CHANGES[change](clip, draw) or bytearray(b"\0")
    return bytes(clip)


@pytest.fixture(scope="module")
def fuzzed(
    tmp_path_factory: pytest.TempPathFactory, make_video: MakeVideo
) -> tuple[PreparedDataset, int]:
    """The set that is made of them, and the most memory that any process took, in MB."""
    root = tmp_path_factory.mktemp("fuzz")
    originals = [
        make_video(root / name, frames=10, size="64x48", audio=TONE, options=options).read_bytes()
        for name, options in KINDS.items()
    ]
    suffixes = [Path(name).suffix for name in KINDS]
    for number in range(NUM_CLIPS):
        path = root / "videos" / "ab"[number % 2] / f"{number:05d}{suffixes[number % len(KINDS)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutant(originals, number))
    command = [sys.executable, "-c", SCRIPT, str(root / "videos"), str(root)]
    # With no ffmpeg on PATH it is the wheel's, which starts in a fifth of the seconds that a
    # distribution's takes to link its two hundred libraries.
    done = subprocess.run(
        command,
        env=os.environ | {"PATH": str(root)},
        check=True,
        timeout=3600,
        capture_output=True,
        text=True,
    )
    return PreparedDataset.open(root / "set"), json.loads(done.stdout)["kilobytes"] // 1024


def test_prep_of_damaged_clips_prepares_or_quarantines_each(
    fuzzed: tuple[PreparedDataset, int],
) -> None:
    made, _ = fuzzed
    with (made.folder / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        bad = list(csv.DictReader(file))

    assert len(made.entries) + len(bad) == NUM_CLIPS
    assert len(made.entries) > NUM_CLIPS // 4
    assert len(bad) > NUM_CLIPS // 20
    assert {row["reason"] for row in bad} <= REASONS
    assert all(row["message"] and row["message"].isprintable() for row in bad)
    assert all(entry.num_frames > 0 for entry in made.entries)


def test_shards_of_damaged_clips_are_whole(fuzzed: tuple[PreparedDataset, int]) -> None:
    made, _ = fuzzed

    found = verify(made.folder, all_frames=True, seed=0, report=NullReporter())

    assert found.problems == ()
    assert found.num_clips_seen == len(made.entries)
    assert not [path for path in made.folder.rglob("*") if path.name.startswith(".")]


def test_damaged_clips_take_little_memory(fuzzed: tuple[PreparedDataset, int]) -> None:
    assert fuzzed[1] < MOST_MEMORY_MB
