"""The scenarios on a cluster of their own: some at a time, a table of all, nothing left behind."""

import queue
import shutil
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cluster import dask_scenarios, launchers, prep_scenarios, submitting, training
from benchmarks.cluster.machines import Network
from benchmarks.cluster.site import TINY, Check, NotSeen, Site, Work, preparing
from benchmarks.cluster.slurm import Cluster

Scenario = Callable[[Site], Iterator[Check]]
_HOLD_SECONDS: Final = 20
_MODULES: Final = (prep_scenarios, training, submitting, launchers, dask_scenarios)
SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.__name__.replace("_", "-"): scenario
    for module in _MODULES
    for scenario in module.SCENARIOS
}


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    checks: tuple[Check, ...]
    seconds: float


def run_scenarios(
    names: Sequence[str], *, videos: Path, work: Path | None, network: int, at_once: int
) -> int:
    """Runs scenarios by their names, all of them for none; returns the exit code."""
    if unknown := [name for name in names if name not in SCENARIOS]:
        print(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
        return 2
    base = Path(tempfile.mkdtemp(prefix="avme-cluster-")) if work is None else work.resolve()
    cluster = Cluster(
        base / "slurm", Network(network), nodes=2 * at_once, hold_seconds=_HOLD_SECONDS
    )
    try:
        cluster.up()
        rows = _run([SCENARIOS[name] for name in names or SCENARIOS], cluster, base, videos)
    finally:
        cluster.down()
        if work is None:
            shutil.rmtree(base)
    print(_table(rows))
    return int(any(not check.held for row in rows for check in row.checks))


def _run(wanted: Sequence[Scenario], cluster: Cluster, base: Path, videos: Path) -> list[_Row]:
    folder = base / "my work"
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    if not (folder / "mini vids").exists():
        shutil.copytree(videos, folder / "mini vids")
    shared = Work(folder, cluster)
    free: queue.Queue[int] = queue.Queue()
    for pair in range(1, cluster.nodes // 2 + 1):
        free.put(pair)
    made = Site(shared, 1).avme(*preparing("ref"))
    if made.returncode:
        raise OSError(f"the local set cannot be made: {made.stderr[-400:]}")

    def one(scenario: Scenario) -> _Row:
        site = Site(shared, free.get())
        try:
            return _try(scenario, site)
        finally:
            _tidy(site)
            free.put(site.pair)

    pool = ThreadPoolExecutor(free.qsize())
    try:
        return list(pool.map(one, wanted))
    except BaseException:
        shared.stopped.set()
        cluster.end_commands()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _try(scenario: Scenario, site: Site) -> _Row:
    name = scenario.__name__.replace("_", "-")
    began, checks = time.monotonic(), list[Check]()
    try:
        for check in scenario(site):
            checks.append(check)
            mark = "held" if check.held else "FAILED"
            print(f"{time.monotonic() - began:5.0f} s  {name}: {mark}: {check.what}", end="")
            print(f" ({check.figure})" if check.figure else "", flush=True)
    except (NotSeen, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        checks.append(Check("went to its end", False, f"{type(error).__name__}: {error}"))
        traceback.print_exc()
    return _Row(name, tuple(checks), time.monotonic() - began)


def _tidy(site: Site) -> None:
    """Cancels what the scenario left, and brings its nodes back."""
    for running in site.started:
        running.end()
        running.wait(30)
    site.login("scancel", "-p", site.partition)
    for node in (site.first, site.second):
        site.cluster.network.plug(node, there=True)
        if not site.cluster.daemons[f"n{node}"].is_alive():
            site.cluster.start_node(node)
    names = f"n{site.first},n{site.second}"
    site.login("scontrol", "update", f"NodeName={names}", "State=RESUME")
    is_idle = ["sinfo", "-h", "-p", site.partition, "-o", "%t"]
    site.wait("idle nodes", lambda: site.login(*is_idle).stdout.split() == ["idle"], 180)


def _table(rows: Sequence[_Row]) -> str:
    lines = ["", "| scenario | outcome | s |", "|---|---|---|"]
    for row in rows:
        said = [
            f"{'' if check.held else '**NOT** '}{check.what}"
            + (f": {check.figure}" if check.figure else "")
            for check in row.checks
        ]
        lines.append(f"| {row.name} | {'; '.join(said)} | {row.seconds:.0f} |".replace("\n", " "))
    held = sum(all(check.held for check in row.checks) for row in rows)
    return "\n".join([*lines, f"\n{held} of {len(rows)} scenarios held"])
