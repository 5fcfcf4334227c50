"""A real Slurm of several machines on this one, to try `avme` on a cluster without having one.

Needs root and Debian's packages slurmctld, slurmd, slurm-client, munge and iproute2. Every machine
is a network namespace with its own process ids and host name. From the repository's folder:

    python -m benchmarks.cluster up DIR --nodes 2
    python -m benchmarks.cluster run DIR -- sinfo
    python -m benchmarks.cluster down DIR
    python -m benchmarks.cluster try --videos UCF-101 [NAMES]

`try` raises a cluster of its own, runs the scenarios of docs/cluster.md, prints their table, ends
with code 1 if one did not hold, and takes all of it down again, after Ctrl-C too.
"""

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks.cluster.machines import Network, on_login
from benchmarks.cluster.slurm import PROGRAMS, Cluster


def main() -> None:
    told = _arguments()
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.geteuid():
        sys.exit(
            f"needs root and the programs {', '.join(missing or PROGRAMS)}: "
            "apt-get install slurmctld slurmd slurm-client munge iproute2"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it is taken down
    try:
        told.do(told)
    except OSError as error:
        sys.exit(f"error: {error}")


def _up(told: argparse.Namespace) -> None:
    cluster = Cluster(told.dir.resolve(), Network(told.network), told.nodes)
    try:
        cluster.up()
        print(f"{told.nodes} nodes are idle; `down {told.dir}` takes them down")
    except BaseException:
        cluster.down()
        raise


def _run(told: argparse.Namespace) -> None:
    cluster = Cluster.read(told.dir.resolve())
    command = on_login(cluster.folder / "hosts", told.command)
    os.execvpe(command[0], command, {**os.environ, **cluster.environment})


def _down(told: argparse.Namespace) -> None:
    Cluster.read(told.dir.resolve()).down()


def _try(told: argparse.Namespace) -> None:
    from benchmarks.cluster.trial import run_scenarios

    where = {"videos": told.videos, "work": told.work, "network": told.network}
    sys.exit(run_scenarios(told.names, **where, at_once=told.at_once))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    network: dict[str, Any] = {"type": int, "default": 77, "help": "addresses are 10.NETWORK.0.0"}

    up = verbs.add_parser("up", help="raise a cluster and wait until it is idle")
    up.add_argument("dir", type=Path, help="new folder for its files")
    up.add_argument("--nodes", type=int, default=2)
    up.add_argument("--network", **network)
    up.set_defaults(do=_up)

    run = verbs.add_parser("run", help="run a command as the login node")
    run.add_argument("dir", type=Path)
    run.add_argument("command", nargs="+")
    run.set_defaults(do=_run)

    down = verbs.add_parser("down", help="take a cluster down and remove its folder")
    down.add_argument("dir", type=Path)
    down.set_defaults(do=_down)

    tried = verbs.add_parser("try", help="run the scenarios on a cluster of their own")
    tried.add_argument("names", nargs="*", help="scenarios; none takes all")
    tried.add_argument("--videos", type=Path, required=True, help="folder of class folders")
    tried.add_argument("--work", type=Path, help="folder to keep; none takes a temporary one")
    tried.add_argument("--at-once", type=int, default=3, help="scenarios; each has two nodes")
    tried.add_argument("--network", **network)
    tried.set_defaults(do=_try)
    return parser.parse_args()


if __name__ == "__main__":
    main()
