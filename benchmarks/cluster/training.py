"""Training jobs that are stopped, killed and requeued: the same run as one that is left alone."""

from collections.abc import Iterator
from typing import Final

from benchmarks.cluster.site import AVME, Check, Finished, Site, last_line, pretraining

_EPOCHS: Final = 50
_STEPS: Final = 150


def train_time_limit(site: Site) -> Iterator[Check]:
    """A limit of two minutes, again and again."""
    number = submit(site, "runs/limit", 100, time_limit_minutes=2, signal_before_seconds=20)
    job = site.wait_for_job(number, 2400)[0]
    yield Check("ended with 0", job["ExitCode"] == "0:0", f"{job['Restarts']} restarts")
    yield from site.same_run("runs/limit", site.work.pretrained(100))


def train_preempted(site: Site) -> Iterator[Check]:
    """A job of higher priority takes both nodes for half a minute."""
    number = submit(site, "runs/preempted", _EPOCHS)
    site.wait_for_step("runs/preempted", 20)
    nodes = f"n{site.first},n{site.second}"
    high = ["-p", "high", "-w", nodes, "-N2", "--exclusive", "-o", "/dev/null"]
    site.login("sbatch", *high, "--wrap", "sleep 20")
    site.wait("a restart", lambda: site.jobs(number)[0]["Restarts"] == "1")
    at = site.steps("runs/preempted")
    job = site.wait_for_job(number)[0]
    yield Check("the job has the run's name", job["JobName"] == "preempted")
    yield Check("requeued", job["Restarts"] == "1", f"at step {at}, ended {job['ExitCode']}")
    yield from site.same_run("runs/preempted", site.work.pretrained(_EPOCHS))


def train_node_killed(site: Site) -> Iterator[Check]:
    """Two nodes: a signal stops both ranks; later the second node loses its power."""
    number = submit(site, "runs/nodes", _EPOCHS, nodes=2)
    site.wait_for_step("runs/nodes", 20)
    site.login("scancel", "--signal=USR1", number)
    site.wait("a restart", lambda: site.jobs(number)[0]["Restarts"] == "1")
    stopped = site.steps("runs/nodes")
    yield Check("both ranks stopped, requeued", stopped < _STEPS, f"at step {stopped}")
    site.wait_for_step("runs/nodes", stopped + 20)
    site.cluster.kill_node(site.second)
    site.wait("the second restart", lambda: site.jobs(number)[0]["Restarts"] == "2", 240)
    site.cluster.start_node(site.second)
    job = site.wait_for_job(number)[0]
    yield Check("after NODE_FAIL to the end", job["ExitCode"] == "0:0", job["ExitCode"])
    yield from site.same_run("runs/nodes", site.work.pretrained(_EPOCHS, procs=2))


def train_cancelled(site: Site) -> Iterator[Check]:
    """Plain `scancel`: saved, stopped and not requeued."""
    number = submit(site, "runs/cancelled", _EPOCHS)
    site.wait_for_step("runs/cancelled", 10)
    site.login("scancel", number)
    job = site.wait_for_job(number)[0]
    saved = site.path("runs/cancelled/checkpoints/last.pt").is_file()
    yield Check("saved", saved, f"status {site.status('runs/cancelled')}")
    yield Check("not requeued", job["Restarts"] == "0" and job["JobState"] == "CANCELLED")


def requeued_job_keeps_its_run(site: Site) -> Iterator[Check]:
    """While a job waits to go on, the run is submitted once more, and told to be replaced."""
    run = "runs/victim"
    number = submit(site, run, _EPOCHS)
    site.wait_for_step(run, 11)
    site.login("scancel", "--signal=USR1", number)
    site.wait_for_state(number, "PENDING")
    record = site.path(run) / "metrics.jsonl"
    before = record.read_bytes()
    later = "slurm.options=[--begin=now+10minutes]"
    for flag in ("--resume", "--overwrite"):
        whole = pretraining(run, _EPOCHS, flag, "--slurm", *_settings(site), "--set", later)
        done = site.avme(*whole)
        named = number in done.stderr
        refused = done.returncode == 2 and named
        yield Check(f"{flag} is refused and names the job", refused, last_line(done.stderr))
    job = site.wait_for_job(number)[0]
    kept = before.startswith(b"{") and record.read_bytes().startswith(before)
    steps = f"from step {before.count(bytes([10]))} to {site.steps(run)}"
    yield Check("the restarted job went on", kept, f"{steps}, ended {job['ExitCode']}")
    yield from site.same_run(run, site.work.pretrained(_EPOCHS))


def signal_during_imports(site: Site) -> Iterator[Check]:
    """USR1 as soon as the job runs, long before the first step."""
    for delay, name in ((0.3, "early"), (2.0, "later")):
        run = f"runs/{name}"
        number = submit(site, run, 4)
        site.wait_for_state(number, "RUNNING")
        site.wait("the step", lambda: f"{number}.0" in site.login("squeue", "-s", "-h").stdout, 60)  # noqa: B023
        site.login("sleep", str(delay))
        site.login("scancel", "--signal=USR1", number)
        job = site.wait_for_job(number)[0]
        lines = site.logs(run, number).splitlines()
        words = "; ".join(line for line in lines if "signal" in line)
        figure = f"{job['Restarts']} restarts, ended {job['ExitCode']}; {words}"
        yield Check(f"after {delay} s: finished", site.status(run) == "finished", figure)
        yield Check("a signal costs at most one restart", int(job["Restarts"]) <= 1)


def warning_longer_than_limit(site: Site) -> Iterator[Check]:
    """A limit of two minutes with the default warning of three."""
    done = submission(site, "runs/warned", 4, time_limit_minutes=2)
    named = (
        "slurm.signal_before_seconds" in done.stderr or "slurm.time_limit_minutes" in done.stderr
    )
    yield Check("refused with 2", done.returncode == 2 and named, done.stderr.strip()[-160:])


def finetune_requeued(site: Site) -> Iterator[Check]:
    """Fine-tuning: a signal in the middle."""
    source = str(site.work.pretrained(4))

    def command(name: str) -> list[str]:
        given = {"from": source, "data": "ref", "out": f"runs/{name}", "epochs": "10"}
        given |= {"device": "cpu", "workers": "0", "batch": "28", "val-fraction": "0"}
        words = [word for key, value in given.items() for word in (f"--{key}", value)]
        return ["finetune", *words, "--set", "train.log_every=1"]

    whole = site.work.run_once("whole-finetune", [*AVME, *command("whole-finetune")])
    done = site.avme(*command("tuned"), "--slurm", *_settings(site))
    yield Check("submitted", done.returncode == 0, last_line(done.stderr))
    number = site.newest_job()
    site.wait_for_step("runs/tuned", 8)
    site.login("scancel", "--signal=USR1", number)
    job = site.wait_for_job(number)[0]
    yield Check("requeued", job["Restarts"] == "1", f"ended {job['ExitCode']}")
    yield from site.same_run("runs/tuned", whole)


def submission(site: Site, run: str, epochs: int, *more: str, **settings: object) -> Finished:
    """Submits a run, and returns what the command said."""
    return site.avme(*pretraining(run, epochs, *more), "--slurm", *_settings(site, **settings))


def submit(site: Site, run: str, epochs: int, **settings: object) -> str:
    """Submits a run and returns the job's number; raises OSError where it is refused."""
    done = submission(site, run, epochs, **settings)
    if done.returncode:
        raise OSError(f"--slurm ended with {done.returncode}: {done.stderr[-300:]}")
    return site.newest_job()


def _settings(site: Site, **more: object) -> list[str]:
    return site.slurm_settings(**{"procs": 1, **more})


SCENARIOS: Final = (
    train_time_limit,
    train_preempted,
    train_node_killed,
    train_cancelled,
    requeued_job_keeps_its_run,
    signal_during_imports,
    finetune_requeued,
    warning_longer_than_limit,
)
