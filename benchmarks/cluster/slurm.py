"""Slurm on those machines: written, started, waited for, and taken down again.

All that it leaves anywhere is in its folder, which `state.json` describes; the same file lets a
later process, or this one after Ctrl-C, take it down.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.cluster.machines import (
    LOGIN,
    Network,
    Process,
    on_login,
    on_node,
    start,
    start_node,
    wait_for_node,
)

PROGRAMS: Final = ("slurmctld", "slurmd", "sbatch", "munged", "ip", "unshare", "nsenter")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STATE: Final = "state.json"
_CONF: Final = """ClusterName=avme
SlurmctldHost={login}({address})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket,cred_expire={hold}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdTimeout=30
ReturnToService=2
MinJobAge=7200
{nodes}
PartitionName=main Nodes=ALL Default=YES State=UP PriorityTier=1
PartitionName=high Nodes=ALL State=UP PriorityTier=9
{pairs}
"""
_PAIR: Final = "PartitionName=pair{pair} Nodes=n{first},n{second} State=UP PriorityTier=1"
_NODE: Final = "NodeName=n{n} NodeHostname=n{n} NodeAddr={address} CPUs={cpus} RealMemory=8000"


@dataclass
class Cluster:
    """A Slurm of `nodes` machines with `cpus` cores each, in `folder`.

    Two by two they are also the partitions pair1, pair2, and so on.
    """

    folder: Path
    network: Network
    nodes: int
    cpus: int = 4
    hold_seconds: int = 120
    """How long a requeued job must wait: Slurm takes the life of its credentials, and a second."""
    daemons: dict[str, Process] = field(default_factory=dict)
    commands: set["subprocess.Popen[str]"] = field(default_factory=set)
    is_ours: bool = False
    """Whether the folder and the network are this cluster's, to be taken down with it."""

    @classmethod
    def read(cls, folder: Path) -> "Cluster":
        """The cluster that `up` left in `folder`."""
        said: dict[str, Any] = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        daemons = {name: Process(*of) for name, of in said["daemons"].items()}
        return cls(folder, Network(said["network"]), said["nodes"], daemons=daemons, is_ours=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a login shell has there."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "PATH": _PATH,
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "OMP_NUM_THREADS": "1",
        }

    def up(self, *, seconds: float = 120.0) -> None:
        """Raises it and waits until all nodes are idle.

        Raises OSError if they never are, or if the folder or the network is there already, which
        then stay as they are.
        """
        self.network.require_unused()
        self.folder.mkdir(parents=True)
        self.is_ours = True
        self.folder.chmod(0o755)
        self._write()
        (self.folder / "hosts").write_text(self.network.hosts(self.nodes), encoding="utf-8")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n", encoding="utf-8")
        (self.folder / "slurm.conf").write_text(self._conf(), encoding="utf-8")
        self.network.build(self.nodes)
        self._start_munge()
        self._keep("slurmctld", ["slurmctld", "-D", "-c"])
        for node in range(1, self.nodes + 1):
            self.start_node(node)
        deadline = time.monotonic() + seconds
        while (idle := self.idle()) < self.nodes:
            if time.monotonic() > deadline:
                raise OSError(f"{idle} of {self.nodes} nodes are idle: see {self.folder}/*.log")
            time.sleep(0.5)

    def down(self) -> None:
        """Ends all of it, and removes the folder; what is gone already is no error."""
        self.end_commands()
        if not self.is_ours:
            return
        names = sorted(self.daemons, key=lambda name: name != "slurmctld")
        for name in names:
            self.daemons[name].end()
        self.network.remove(self.nodes)
        shutil.rmtree(self.folder)

    def idle(self) -> int:
        """How many nodes have nothing to do."""
        done = self.login(["sinfo", "-h", "-N", "-p", "main", "-o", "%t"], timeout=60)
        return sum(line.strip() == "idle" for line in done.stdout.splitlines())

    def login(
        self, command: Sequence[str], *, cwd: Path | None = None, timeout: float = 600.0
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as the login node and returns what it printed."""
        whole = on_login(self.folder / "hosts", command)
        process = subprocess.Popen(
            whole,
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.commands.add(process)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            self._end(process)
        return subprocess.CompletedProcess(list(command), process.returncode, out, err)

    def end_commands(self) -> None:
        """Ends what `login` runs now, in whichever thread."""
        for process in list(self.commands):
            self._end(process)

    def _end(self, process: "subprocess.Popen[str]") -> None:
        with contextlib.suppress(ProcessLookupError):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.commands.discard(process)

    def start_node(self, node: int) -> None:
        """Starts a machine, for the first time or after it was killed."""
        log = self.folder / f"n{node}.log"
        command = ["slurmd", "-D", "-N", f"n{node}"]
        self.daemons[f"n{node}"] = start_node(
            self.network,
            node,
            self.folder / "hosts",
            command,
            environment=self.environment,
            log=log,
        )
        self._write()
        wait_for_node(self.daemons[f"n{node}"], node, log)

    def kill_node(self, node: int) -> None:
        """Ends a machine and all that runs on it at once, as a power cut would."""
        self.daemons[f"n{node}"].end(signal.SIGKILL)

    def on_node(self, node: int, folder: Path, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` in `folder` on a node, outside of Slurm."""
        return on_node(self.daemons[f"n{node}"], folder, command)

    def _start_munge(self) -> None:
        index = self.folder / "munge"
        index.mkdir(mode=0o755)
        (index / "key").write_bytes(os.urandom(128))
        (index / "key").chmod(0o600)
        given = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={index / name}" for option, name in given.items()]
        self._keep("munge", ["munged", "--foreground", f"--log-file={index}/log", *options])
        while not (index / "socket").exists():
            if not self.daemons["munge"].is_alive():
                raise OSError(f"munged ended: see {self.folder}/munge.log")
            time.sleep(0.1)

    def _keep(self, name: str, command: Sequence[str]) -> None:
        whole = on_login(self.folder / "hosts", command)
        log = self.folder / f"{name}.log"
        self.daemons[name] = start(whole, environment=self.environment, log=log)
        self._write()

    def _conf(self) -> str:
        addresses = {node: self.network.address(node) for node in range(self.nodes + 1)}
        nodes = [
            _NODE.format(n=node, address=addresses[node], cpus=self.cpus)
            for node in range(1, self.nodes + 1)
        ]
        pairs = [
            _PAIR.format(pair=pair, first=2 * pair - 1, second=2 * pair)
            for pair in range(1, self.nodes // 2 + 1)
        ]
        return _CONF.format(
            login=LOGIN,
            address=addresses[0],
            folder=self.folder,
            hold=self.hold_seconds,
            nodes="\n".join(nodes),
            pairs="\n".join(pairs),
        )

    def _write(self) -> None:
        """Before and after every daemon, so that none is ever left that no file names."""
        daemons = {name: (daemon.pid, daemon.began) for name, daemon in self.daemons.items()}
        said = {"network": self.network.number, "nodes": self.nodes}
        (self.folder / "ctld").mkdir(exist_ok=True)
        text = json.dumps({**said, "daemons": daemons})
        (self.folder / _STATE).write_text(text, encoding="utf-8")
