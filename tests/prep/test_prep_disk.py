"""`prepare` on a disk that is full: one line, nothing broken, and it goes on when there is room.

The system's limit on the size of a file stands for the disk, as anybody may set it: the file that
grows beyond it fails in the middle of a write. ffmpeg's own words are tested beside.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.media.ffmpeg.process import transcode
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]

SCRIPT = """
import resource, signal, sys
from pathlib import Path
from avme.config.prep import PrepConfig
from avme.errors import SystemRequirementError
from avme.progress import NullReporter
from avme.prep.request import Request
from avme.stages.prep import prepare

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
config = PrepConfig(num_workers=1, shard_clips=4)
try:
    out = Path(sys.argv[2])
    request = Request("ucf101", Path(sys.argv[1]), out=out, name="set", config=config)
    prepare(request, report=NullReporter())
except SystemRequirementError as error:
    print(error)
"""


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def run_limited(videos: Path, out: Path, num_bytes: int) -> str:
    arguments = [sys.executable, "-c", SCRIPT, str(videos), str(out), str(num_bytes)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("largest", ["plan.json", "shards/shard-00000.h5"])
def test_prep_on_full_disk_is_one_line_and_continues_later(
    tmp_path: Path, videos: Path, finished: PreparedDataset, run_prep: RunPrep, largest: str
) -> None:
    limit = (finished.folder / largest).stat().st_size // 2

    said = run_limited(videos, tmp_path, limit)

    assert said.startswith(f"the disk of {tmp_path}")
    assert "make room and run the same command again" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "set" / "dataset.json").exists()
    again = run_prep(videos, tmp_path)
    assert contents(again.folder / "shards") == contents(finished.folder / "shards")
    assert again.fingerprint == finished.fingerprint
    assert [path for path in again.folder.rglob(".*")] == []


@pytest.mark.parametrize("name", ["index.csv", "dataset.json", "prep.jsonl"])
def test_tables_that_find_no_room_are_written_later(
    tmp_path: Path,
    videos: Path,
    finished: PreparedDataset,
    folder: Path,
    run_prep: RunPrep,
    name: str,
) -> None:
    for written in ("index.csv", "dataset.json", "prep.jsonl"):
        (folder / written).unlink()
    limit = (finished.folder / name).stat().st_size - 1

    said = run_limited(videos, folder.parent, limit)

    assert said.startswith("the disk of ")
    assert not (folder / "dataset.json").exists()
    assert run_prep(videos, folder.parent).fingerprint == finished.fingerprint
    assert (folder / "index.csv").read_bytes() == (finished.folder / "index.csv").read_bytes()


@pytest.mark.parametrize("words", ["No space left on device", "Disk quota exceeded"])
def test_prep_on_full_disk_quarantines_no_clip(words: str) -> None:
    complaint = f"echo 'av_interleaved_write_frame(): {words}' >&2; exit 228"

    with pytest.raises(OSError, match=words):
        transcode(["sh", "-c", complaint], timeout_seconds=60.0)
