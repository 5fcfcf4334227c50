"""`avme prep --slurm`: this command as an array of parts."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from avme.config import PrepConfig
from avme.config.slurm import SlurmConfig
from avme.io.atomic import read_json
from avme.io.filenames import DATASET_MANIFEST
from avme.progress import NullReporter
from avme_cli.app import app
from avme_cli.slurm.prep import parts_batch, submit_parts

PREP = [sys.executable, "-m", "avme_cli", "prep", "folder", "videos", "--slurm"]
SETTINGS = ("slurm.jobs=2", "slurm.cpus=1", "shard_clips=2", "test_fraction=0.5")


def submit(*arguments: str) -> Result:
    command = ["prep", "folder", "videos", "--slurm", *arguments]
    return CliRunner().invoke(app, command, prog_name="avme")


@pytest.mark.slow
def test_submit_parts_describes_the_parts_and_finishes_the_dataset(
    slurm: Any, make_video: Callable[..., Path]
) -> None:
    for number in range(4):
        make_video(Path(f"videos/class{number % 2}/clip{number}.avi"))
    slurm.plays("srun", 'shift 2; exec "$@"')

    command = [*PREP, *(word for each in SETTINGS for word in ("--set", each))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == (
        "2 jobs submitted (77_1 to 77_2, data/.slurm/videos.sbatch); they print to "
        "data/.slurm/videos-77_*.out"
    )
    assert not Path("data/videos").exists()
    script = Path("data/.slurm/videos.sbatch")
    jobs = [
        slurm.run(script, SLURM_ARRAY_JOB_ID="77", SLURM_ARRAY_TASK_ID=part) for part in ("1", "2")
    ]
    assert [job.returncode for job in jobs] == [0, 0], [job.stderr for job in jobs]
    assert jobs[0].stdout == "job 77_1, start 1: avme prep folder --part 1/2 --workers 1\n"
    assert "part 1/2 is done; 1 shards of other parts are missing" in jobs[0].stderr
    assert ["no split given" in job.stderr for job in jobs] == [True, False]
    assert "data/videos: 4 clips, 2 classes" in jobs[1].stderr
    assert read_json(Path("data/videos") / DATASET_MANIFEST)["counts"]["clips"] == 4


def test_exit_codes_of_parts_stay_as_they_are(slurm: Any) -> None:
    submit_parts(
        PrepConfig(), target=Path("data/pets"), command="avme prep folder", report=NullReporter()
    )
    part = {"SLURM_JOB_ID": "79", "SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "3"}
    for code in (0, 2, 3, 6):
        slurm.plays("srun", f"exit {code}")
        assert slurm.run(Path("data/.slurm/pets.sbatch"), **part).returncode == code
    assert slurm.noted("scontrol.log") == []


def test_parts_batch_after_signal_is_requeued_while_it_progresses(slurm: Any) -> None:
    submit_parts(
        PrepConfig(), target=Path("data/pets"), command="avme prep folder", report=NullReporter()
    )
    Path("data/pets/shards").mkdir(parents=True)
    part = {"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "3"}
    part["SLURM_JOB_ID"] = "77"  # the last job of an array bears the number of them all
    script = Path("data/.slurm/pets.sbatch")

    slurm.plays("srun", "touch data/pets/shards/$SLURM_RESTART_COUNT.h5; exit 143")
    jobs = [slurm.run(script, **part, SLURM_RESTART_COUNT=str(count)) for count in range(6)]
    slurm.plays("srun", "exit 143")
    jobs += [slurm.run(script, **part) for _ in range(4)]

    assert {job.returncode for job in jobs} == {143}
    assert slurm.noted("scontrol.log") == ["requeue 77_3"] * 9
    assert jobs[0].stdout.splitlines()[-1] == (
        "job 77_3: stopped by a signal; data/pets/shards is kept; requeued"
    )
    assert "without progress in data/pets/shards: raise" in jobs[-1].stdout


def test_parts_batch_contains_the_requested_resources() -> None:
    settings = SlurmConfig(
        jobs=4, array_parallelism=2, cpus=3, memory_gb=5.5, options=("--qos=long",)
    )

    batch = parts_batch(
        PrepConfig(slurm=settings), target=Path("data/my pets"), command="avme prep folder"
    )

    assert set(batch.sbatch_options()) == {
        '--job-name="prep-my pets"',
        "--array=1-4%2",
        "--nodes=1",
        "--ntasks-per-node=1",
        "--cpus-per-task=3",
        "--mem=5632M",
        "--time=1440",
        "--signal=TERM@60",
        f'--output="{Path.cwd()}/data/.slurm/my pets-%A_%a.out"',
        "--open-mode=append",
        "--requeue",
        "--qos=long",
    }
    assert "--workers 3" in batch.script()


def test_workers_that_were_asked_for_stay() -> None:
    batch = parts_batch(
        PrepConfig(num_workers=2), target=Path("data/pets"), command="avme prep folder"
    )

    assert not re.search("--workers", batch.begin)


def test_submit_parts_refuses_what_a_part_would_refuse(slurm: Any) -> None:
    Path("videos").mkdir()

    done = submit()

    assert done.exit_code == 2
    assert "videos" in done.stderr
    assert "submitted" not in done.stderr
    assert not Path("data").exists()


def test_submit_parts_with_time_limit_below_warning_is_refused(slurm: Any) -> None:
    Path("videos").mkdir()

    done = submit("--set", "slurm.time_limit_minutes=1")

    assert done.exit_code == 2
    assert done.stderr.startswith("error: slurm.time_limit_minutes")
    assert not Path("data").exists()


@pytest.mark.parametrize("other", [["--part", "1/2"], ["--dask", "tcp://127.0.0.1:1"]])
def test_slurm_excludes_parts_and_dask(slurm: Any, other: list[str]) -> None:
    Path("videos").mkdir()

    done = submit(*other)

    assert done.exit_code == 2
    assert done.stderr.startswith("error: --slurm submits parts itself: leave --part and --dask")
