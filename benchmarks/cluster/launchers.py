"""Training that is started by `srun` or by torchrun on two machines, of which one is lost."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.cluster.machines import Process
from benchmarks.cluster.site import AVME, Check, Running, Site, last_line, pretraining

_EPOCHS: Final = 50
_MINUTE: Final = 75.0
"""What README calls within a minute, with the slowness of a busy machine."""


def srun_two_nodes(site: Site) -> Iterator[Check]:
    """`srun -N2 -n2 avme pretrain`, with nothing else."""
    run = "runs/srun"
    done = site.login(*_srun(site), *AVME, *pretraining(run, _EPOCHS), timeout=900)
    yield Check("ended with 0", done.returncode == 0, last_line(done.stderr))
    yield from site.same_run(run, site.work.pretrained(_EPOCHS, procs=2))


def srun_rank_killed(site: Site) -> Iterator[Check]:
    """The same; rank 1 is killed."""
    run = "runs/rank"
    step = site.start("srun", *_srun(site), *AVME, *pretraining(run, _EPOCHS))
    site.wait_for_step(run, 10)
    for process in _avme_on(site, site.second):
        process.end()
    seconds = site.wait("a word", lambda: _names_a_rank(step), _MINUTE)
    yield Check("named", True, f"{seconds:.0f} s: {_word(step)}")
    code = step.wait(120)
    yield Check("the step ends with an error", code != 0, str(code))
    yield Check("status failed", site.status(run) == "failed", site.status(run))


def torchrun_worker_killed(site: Site) -> Iterator[Check]:
    """torchrun on two machines; the second's worker is killed."""
    run = "runs/worker"
    agents = _torchrun(site, run)
    (worker,) = _workers(site, site.second)
    worker.end()
    yield from _outcome(site, run, agents, survivor=0)


def torchrun_node_killed(site: Site) -> Iterator[Check]:
    """The second machine loses its power."""
    run = "runs/power"
    agents = _torchrun(site, run)
    site.cluster.kill_node(site.second)
    yield from _outcome(site, run, agents, survivor=0)


def torchrun_first_node_killed(site: Site) -> Iterator[Check]:
    """The machine of rank 0, which keeps the store, loses its power."""
    run = "runs/first"
    agents = _torchrun(site, run)
    site.cluster.kill_node(site.first)
    yield from _outcome(site, run, agents, survivor=1, status="")


def torchrun_cut(site: Site) -> Iterator[Check]:
    """The second machine's cable is pulled."""
    run = "runs/cut"
    agents = _torchrun(site, run)
    site.cluster.network.plug(site.second, there=False)
    for number, agent in enumerate(agents):
        seconds = site.wait("a word", lambda: _names_a_rank(agent), _MINUTE)  # noqa: B023
        yield Check(f"machine {number} says so", True, f"{seconds:.0f} s more: {_word(agent)}")
    yield Check("status failed", site.status(run) == "failed", site.status(run))


def _outcome(
    site: Site, run: str, agents: list[Running], survivor: int, status: str = "failed"
) -> Iterator[Check]:
    alive = agents[survivor]
    seconds = site.wait("a word", lambda: _names_a_rank(alive), _MINUTE)
    yield Check("the other machine says so", True, f"{seconds:.0f} s: {_word(alive)}")
    code = alive.wait(180)
    yield Check("its agent ends with an error", code != 0, str(code))
    if status:
        yield Check(f"status {status}", site.status(run) == status, site.status(run))


def _srun(site: Site) -> list[str]:
    return ["timeout", "800", "srun", "-p", site.partition, "-N2", "-n2", "--mem=2G"]


def _torchrun(site: Site, run: str) -> list[Running]:
    rendezvous = ["--nnodes=2", "--nproc-per-node=1", f"--master-addr=n{site.first}"]
    agents = []
    for rank, node in enumerate((site.first, site.second)):
        launch = [sys.executable, "-m", "torch.distributed.run", f"--node-rank={rank}"]
        command = [*launch, *rendezvous, "-m", "avme_cli", *pretraining(run, _EPOCHS)]
        agents.append(site.start(f"agent{rank}", *command, node=node))
    site.wait_for_step(run, 10)
    return agents


def _avme_on(site: Site, node: int) -> list[Process]:
    """avme's processes on a node, which its network namespace lists."""
    space = site.cluster.network.namespace(node)
    done = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True)
    found = []
    for pid in done.stdout.split():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"avme_cli" in words and b"torch.distributed.run" not in words:
            found.append(Process.of(int(pid)))
    return found


def _workers(site: Site, node: int) -> list[Process]:
    """Without what they started themselves, and without slurmd's helpers."""
    found = _avme_on(site, node)
    children = {child.pid for process in found for child in process.children()}
    return [process for process in found if process.pid not in children]


def _names_a_rank(running: Running) -> bool:
    return bool(_word(running))


def _word(running: Running) -> str:
    lines = [line for line in running.said().splitlines() if "error: rank" in line]
    lines += [line for line in running.said().splitlines() if "the store that joins" in line]
    return lines[0].strip()[:160] if lines else ""


SCENARIOS: Final = (
    srun_two_nodes,
    srun_rank_killed,
    torchrun_worker_killed,
    torchrun_node_killed,
    torchrun_first_node_killed,
    torchrun_cut,
)
