"""What is decided when a job is submitted: where from, for what, and what is refused at once."""

import sys
from collections.abc import Iterator
from typing import Final

from benchmarks.cluster.site import AVME, Check, Site, last_line, preparing, pretraining
from benchmarks.cluster.training import submission, submit


def from_salloc(site: Site) -> Iterator[Check]:
    """In a shell of `salloc --mem-per-cpu`, whose variables must not reach the job."""
    salloc = ["salloc", "-p", site.partition, "-n", "1", "--mem-per-cpu=500M"]
    settings = site.slurm_settings()
    train = [*AVME, *pretraining("runs/salloc", 4), "--slurm", *settings]
    done = site.login(*salloc, *train)
    job = site.wait_for_job(site.newest_job())[0]
    yield Check("training submitted", done.returncode == 0, last_line(done.stderr))
    yield Check("its job ends with 0", job["ExitCode"] == "0:0", job["ExitCode"])
    prep = [*AVME, *preparing("salloc"), "--slurm", *site.slurm_settings(jobs=2)]
    done = site.login(*salloc, *prep)
    jobs = site.wait_for_job(site.newest_job())
    codes = {job["ExitCode"] for job in jobs}
    yield Check("prep's jobs end with 0", done.returncode == 0 and codes == {"0:0"}, str(codes))
    yield site.same_set("salloc")


def device_cpu_asks_for_no_gpu(site: Site) -> Iterator[Check]:
    """`--device cpu --slurm` with no word on slurm.gpus."""
    done = site.avme(*pretraining("runs/cpu", 4), "--slurm", *site.slurm_settings())
    yield Check("submitted", done.returncode == 0, last_line(done.stderr))
    if done.returncode == 0:
        job = site.wait_for_job(site.newest_job())[0]
        yield Check("no GPU asked for", "gpu" not in job.get("TresPerNode", ""))
        yield Check("ends with 0", job["ExitCode"] == "0:0", job["ExitCode"])


def refused_at_once(site: Site) -> Iterator[Check]:
    """What the job would refuse is refused before it waits in the queue."""
    done = submission(site, "runs/three", 4, procs=3)
    yield Check("28 clips on 3 processes: 2", done.returncode == 2, last_line(done.stderr))
    site.avme(*pretraining("runs/changed", 2))
    done = submission(site, "runs/changed", 2, "--resume", "--lr", "9e-3")
    yield Check("another rate on resume: 4", done.returncode == 4, last_line(done.stderr))
    submit(site, "runs/twice", 4, options="[--begin=now+10minutes]")
    done = submission(site, "runs/twice", 4)
    yield Check("the same run twice: 2", done.returncode == 2, last_line(done.stderr))
    for setting, values in (("partition", "no"), ("cpus", 6), ("memory_gb", 999)):
        done = submission(site, "runs/where", 4, **{setting: values})
        good = done.returncode == 6 and f"slurm.{setting}" in done.stderr
        yield Check(f"slurm.{setting} {values}: 6", good, last_line(done.stderr))


def workers_heed_the_job(site: Site) -> Iterator[Check]:
    """A job of one core prepares with one process, though the node has more."""
    count = "from avme.system.cpu_count import available_cores; print(available_cores())"
    probe = [sys.executable, "-c", count]
    for cores in ("1", "2"):
        srun = ["timeout", "60", "srun", "-p", site.partition, "-n1", f"--cpus-per-task={cores}"]
        done = site.login(*srun, *probe)
        yield Check(f"{cores} of 4 cores", done.stdout.strip() == cores, done.stdout.strip())


def environment_not_exported(site: Site) -> Iterator[Check]:
    """`--export=NONE`, and python by its absolute path."""
    number = submit(site, "runs/none", 4, options="[--export=NONE]")
    job = site.wait_for_job(number)[0]
    yield Check("ends with 0", job["ExitCode"] == "0:0", job["ExitCode"])
    yield Check("finished", site.status("runs/none") == "finished")


def no_slurm_here(site: Site) -> Iterator[Check]:
    """A machine without sbatch."""
    env = ["/usr/bin/env", "PATH=/nonexistent"]
    for stage in (pretraining("runs/nosbatch", 4), preparing("nosbatch")):
        done = site.login(*env, *AVME, *stage, "--slurm", *site.slurm_settings())
        yield Check(f"{stage[0]}: 6", done.returncode == 6, last_line(done.stderr))


SCENARIOS: Final = (
    from_salloc,
    device_cpu_asks_for_no_gpu,
    refused_at_once,
    workers_heed_the_job,
    environment_not_exported,
    no_slurm_here,
)
