"""`prepare`, killed fifty times at random moments, ends as if nobody had touched it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

KILLS = 50
SCRIPT = """
import json, os, random, signal, sys, time
from pathlib import Path
from avme.config.prep import PrepConfig
from avme.progress import NullReporter
from avme.prep.request import Request
from avme.stages.prep import prepare

videos, out, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
config = PrepConfig(num_workers=1, shard_clips=1)

def start(out):
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            request = Request("ucf101", videos, out=out, name="set", config=config)
            prepare(request, report=NullReporter())
            os._exit(0)
        finally:
            os._exit(1)
    return child

began = time.monotonic()
child = start(out / "alone")
while not list((out / "alone/set/shards").glob("shard-*.h5")):
    time.sleep(0.005)
first_shard = time.monotonic() - began
assert os.waitpid(child, 0)[1] == 0

draw, shards, interrupted, runs, span = random.Random(0), set(), 0, 0, 1.5 * first_shard
while interrupted < kills and runs < 10 * kills:
    runs += 1
    child = start(out / "killed")
    time.sleep(draw.uniform(0.0, span))
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:  # killed before it had a group of its own
        os.kill(child, signal.SIGKILL)
    was_killed = os.waitpid(child, 0)[1] == signal.SIGKILL
    interrupted += was_killed
    there = sorted((out / "killed/set/shards").glob("shard-*.h5"))
    # Two kills of three come before a new shard, however fast the machine is by now.
    span *= 0.8 if not was_killed else 1.05 if len(there) in shards else 0.9
    shards.add(len(there))
    if not was_killed:  # it came too late: give it work again
        for path in draw.sample(there, len(there) // 2):
            path.unlink()
    (out / "killed/set/dataset.json").unlink(missing_ok=True)  # to be killed while it publishes
assert os.waitpid(start(out / "killed"), 0)[1] == 0
print(json.dumps({"interrupted": interrupted, "shards": sorted(shards)}))
"""


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_fifty_kills_leave_no_trace(tmp_path: Path, videos: Path) -> None:
    clips = sorted(videos.rglob("*.avi"))
    for number in range(60):
        clip = clips[number % len(clips)]
        name = f"v_{clip.parent.name}_g{1 + number // 4:02d}_c{1 + number % 4:02d}.avi"
        (tmp_path / "videos" / clip.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, tmp_path / "videos" / clip.parent.name / name)

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "videos"), str(tmp_path), str(KILLS)],
        check=True,
        capture_output=True,
        text=True,
        timeout=900,
    )

    told = json.loads(done.stdout)
    assert told["interrupted"] == KILLS
    assert len(told["shards"]) > 5, "the kills came all at the same place"
    alone = contents(tmp_path / "alone" / "set")
    killed = contents(tmp_path / "killed" / "set")
    log, killed_log = alone.pop("prep.jsonl"), killed.pop("prep.jsonl")
    assert killed == alone
    assert {json.loads(line)["name"] for line in log.splitlines()} == {
        json.loads(line)["name"] for line in killed_log.splitlines() if line.endswith(b"}")
    }
