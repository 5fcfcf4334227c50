"""`avme prep` on as many clips as UCF-101 has, made of a few: what it costs, and how that grows.

The official lists give the names, hard links to a few real clips the content: only the number of
files and their names are those of UCF-101. Every measured run is a process of its own, and memory
is that of the process that plans and publishes; its workers hold one clip each.

    python benchmarks/prep_scale.py UCF-101 ucfTrainTestlist /tmp/scale --clips 1000 4000 13320
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_RUN = """
import json, sys
from pathlib import Path
from avme.config.prep import PrepConfig
from avme.sources.find_clips import SourceOptions
from avme.progress import NullReporter
from avme.prep.request import Request
from avme.stages.prep import prepare

source, out, lists, settings, facts = sys.argv[1:]
config = PrepConfig.model_validate(json.loads(settings))
beside = SourceOptions(lists=Path(lists) if lists else None)
made = prepare(Request("ucf101", Path(source), out=Path(out), name="set", config=config,
                       beside=beside), report=NullReporter())
counts = {name: (split["train"], split["test"]) for name, split in made.manifest["splits"].items()}
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
Path(facts).write_text(json.dumps({"splits": counts, "peak_kib": int(status["VmHWM"].split()[0])}))
"""


def main() -> None:
    """Makes the folders, runs `prep` on each, and prints a line for every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("videos", type=Path, help="folder that holds the clips to link to")
    parser.add_argument("lists", type=Path, help="UCF-101's official lists")
    parser.add_argument("work", type=Path, help="a folder for all of it, on one file system")
    parser.add_argument("--clips", type=int, nargs="+", default=[1000, 4000, 13320])
    parser.add_argument("--smallest", type=int, help="link to so many, the smallest files first")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--set", type=json.loads, default={}, help="other settings, as JSON")
    told = parser.parse_args()
    settings = {**told.set, "num_workers": told.workers}
    names = official_names(told.lists)
    print("clips    run        seconds  clips/s  parent MiB  splits (train/test)", flush=True)
    for num_clips in told.clips:
        source = told.work / f"videos-{num_clips}" / "UCF-101"
        if not source.exists():
            spread = [names[i * len(names) // num_clips] for i in range(num_clips)]
            link(spread, originals(told.videos, told.work / "originals", told.smallest), source)
        for run, lists in (("lists", told.lists), ("no lists", None), ("nothing", None)):
            facts = measure(source, told.work / f"out-{num_clips}", lists, settings)
            counts = " ".join(f"{train}/{test}" for train, test in facts["splits"].values())
            rate = f"{num_clips / facts['seconds']:8.1f}"
            print(
                f"{num_clips:<8} {run:<9} {facts['seconds']:8.1f} {rate} "
                f"{facts['peak_kib'] / 1024:11.1f}  {counts}",
                flush=True,
            )


def official_names(lists: Path) -> list[str]:
    """Every clip that the first train and test list name, sorted."""
    lines = [
        line.split()[0]
        for name in ("trainlist01.txt", "testlist01.txt")
        for line in (lists / name).read_text().splitlines()
        if line.strip()
    ]
    return sorted(lines)


def originals(videos: Path, copies: Path, smallest: int | None) -> list[Path]:
    """Copies of the clips below `videos`, on the file system where they will be linked."""
    found = sorted(videos.rglob("*.avi"), key=lambda path: (path.stat().st_size, path.name))
    copies.mkdir(parents=True, exist_ok=True)
    for path in found[:smallest]:
        if not (copies / path.name).exists():
            shutil.copyfile(path, copies / path.name)
    return [copies / path.name for path in found[:smallest]]


def link(names: list[str], contents: list[Path], source: Path) -> None:
    """Makes every name a hard link to one of the contents, in turn."""
    for number, name in enumerate(names):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(contents[number % len(contents)], path)


def measure(source: Path, out: Path, lists: Path | None, settings: dict[str, Any]) -> Any:
    """Runs `prep` in a process of its own; what it found, with seconds and its peak memory."""
    out.mkdir(parents=True, exist_ok=True)
    facts = out / "facts.json"
    arguments = [source, out, lists or "", json.dumps(settings), facts]
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", _RUN, *map(str, arguments)], check=True)
    return {**json.loads(facts.read_text()), "seconds": time.monotonic() - began}


if __name__ == "__main__":
    main()
