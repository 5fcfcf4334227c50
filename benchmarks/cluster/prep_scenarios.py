"""Preparation by many jobs: the same bytes as one machine makes, whatever happens to the jobs."""

from collections.abc import Iterator
from typing import Final

from benchmarks.cluster.site import AVME, Check, Site, last_line, preparing


def prep_array(site: Site) -> Iterator[Check]:
    """Four jobs, two at once; names, what they print, and what they made."""
    number = _submit(site, "array", jobs=4, array_parallelism=2)
    yield Check("submitted", bool(number))
    names = site.login("squeue", "-h", "-p", site.partition, "-o", "%j %i %r").stdout
    yield Check("jobs are named after the set", "prep-array" in names, last_line(names))
    jobs = site.wait_for_job(number)
    yield Check("all ended with 0", all(job["ExitCode"] == "0:0" for job in jobs), f"{len(jobs)}")
    yield site.same_set("array")
    said = site.logs("data/array", number)
    parts = sum(f"part {index}/4 is done" in said for index in range(1, 5))
    whole = parts >= 3 and "112 clips, " in said and "Traceback" not in said
    yield Check("jobs print what avme says", whole, f"{parts} lines of parts, 1 of the set")


def prep_node_killed(site: Site) -> Iterator[Check]:
    """The second node loses its power in the middle."""
    number = _submit(site, "nodekill", jobs=4)
    site.wait("two shards", lambda: site.shards("nodekill") >= 2)
    site.cluster.kill_node(site.second)
    states = ["sinfo", "-h", "-n", f"n{site.second}", "-p", site.partition, "-o", "%t"]
    seconds = site.wait("down", lambda: "down" in site.login(*states).stdout, 180)
    yield Check("Slurm calls the node down", True, f"{seconds:.0f} s")
    jobs = site.wait_for_job(number)
    again = sum(int(job["Restarts"]) > 0 for job in jobs)
    yield Check("parts begun again", again > 0, f"{again} of {len(jobs)}")
    yield Check("all ended with 0", all(job["ExitCode"] == "0:0" for job in jobs))
    yield site.same_set("nodekill")


def prep_cancelled(site: Site) -> Iterator[Check]:
    """`scancel` of the array, and the same command again."""
    number = _submit(site, "cancelled", jobs=4)
    site.wait("four shards", lambda: site.shards("cancelled") >= 4)
    site.login("scancel", number)
    site.wait_for_job(number)
    kept = site.shards("cancelled")
    number = _submit(site, "cancelled", jobs=4)
    site.wait_for_job(number)
    yield Check("went on with what was there", kept >= 4, f"{kept} of 14 shards kept")
    yield site.same_set("cancelled")


def prep_time_limit(site: Site) -> Iterator[Check]:
    """One job whose limit is too short for the set."""
    number = _submit(site, "limit", jobs=1, time_limit_minutes=2)
    job = site.wait_for_job(number, 1200)[0]
    restarts = int(job["Restarts"])
    yield Check("requeued by itself until done", restarts > 0, f"{restarts} times")
    yield Check("ended with 0", job["ExitCode"] == "0:0", job["ExitCode"])
    yield site.same_set("limit")


def prep_exit_code(site: Site) -> Iterator[Check]:
    """A job that fails ends with avme's own code, and says why as at home."""
    broken = site.path("bad vids/one")
    broken.mkdir(parents=True)
    for index in range(4):
        (broken / f"clip{index}.avi").write_text("no video")
    whole = ["prep", "folder", "bad vids", "--name", "bad"]
    done = site.avme(*whole, "--slurm", *site.slurm_settings(jobs=1))
    number = site.newest_job()
    job = site.wait_for_job(number)[0]
    said = site.logs("data/bad", number)
    yield Check("submitted", done.returncode == 0)
    yield Check("the job ends with 3, as at home", job["ExitCode"] == "3:0", job["ExitCode"])
    yield Check("its log says why", "none of the 4 clips" in said and "Traceback" not in said)


def prep_refused(site: Site) -> Iterator[Check]:
    """What Slurm refuses: one line with the setting to change, and nothing left."""
    given: dict[str, dict[str, object]] = {"slurm.cpus": {"cpus": 6}}
    given["slurm.memory_gb"] = {"memory_gb": 999}
    given["slurm.partition"] = {"partition": "no"}
    for setting, values in given.items():
        done = site.avme(*preparing("refused"), "--slurm", *site.slurm_settings(**values))
        one_line = done.stderr.count("\n") == 1
        good = done.returncode == 6 and setting in done.stderr and one_line
        yield Check(f"{setting} is named, with 6, in one line", good, last_line(done.stderr))
    left = [*site.path("data").glob("refused*"), *site.path("data/.slurm").glob("refused*")]
    yield Check("no litter", not left, ", ".join(map(str, left)))


def parts_at_once(site: Site) -> Iterator[Check]:
    """`--part i/3` at the same time, of which the second is killed and given again."""
    commands = [[*AVME, *preparing("parts", "--part", f"{i}/3", "--workers", "1")] for i in "123"]
    started = [site.start("part", *command) for command in commands]
    site.wait("three shards", lambda: site.shards("parts") >= 3)
    started[1].end()
    codes = [part.wait() for part in started]
    yield Check("part 2 killed, the others end with 0", codes == [0, -9, 0], str(codes))
    done = site.login(*commands[1])
    yield Check("repeated, it finishes the set", done.returncode == 0, last_line(done.stderr))
    yield site.same_set("parts")
    again = site.avme(*preparing("parts", "--part", "2/4"))
    yield Check("2/4 afterwards changes nothing", "nothing changed" in again.stderr)


def _submit(site: Site, name: str, **settings: object) -> str:
    done = site.avme(*preparing(name), "--slurm", *site.slurm_settings(**settings))
    if done.returncode:
        raise OSError(f"prep --slurm ended with {done.returncode}: {done.stderr[-300:]}")
    return site.newest_job()


SCENARIOS: Final = (
    prep_array,
    prep_node_killed,
    prep_cancelled,
    prep_time_limit,
    prep_exit_code,
    prep_refused,
    parts_at_once,
)
