"""Machines on one machine: each has its own network, process ids, host name and mounts.

They share the kernel, the files and the clock. A machine ends, with all that runs on it, when its
first process is killed; nothing is ever looked for by name.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOGIN: Final = "ctl"
_ON_LOGIN: Final = 'hostname ctl && mount --bind "$0" /etc/hosts && exec "$@"'
_ON_NODE: Final = (
    'hostname "$1" && mount --bind "$0" /etc/hosts && mount -t tmpfs cg /sys/fs/cgroup || exit; '
    'ip link set lo up; shift; "$@" & wait'  # this shell is process 1, and reaps what others leave
)


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its id and the time that it began, since ids are used again."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process that has this id now; raises ProcessLookupError without one."""
        fields = _stat(pid)
        if fields is None:
            raise ProcessLookupError(pid)
        return cls(pid, fields[19])

    def is_alive(self) -> bool:
        """Whether it still runs; one that ended and was not yet reaped does not."""
        fields = _stat(self.pid)
        return fields is not None and fields[19] == self.began and fields[0] != "Z"

    def children(self) -> list["Process"]:
        """The processes that it started and that still run."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        try:
            found = path.read_text(encoding="ascii").split()
        except OSError:
            return []
        return [Process.of(int(pid)) for pid in found if _stat(int(pid)) is not None]

    def end(self, how: signal.Signals = signal.SIGKILL, *, seconds: float = 20.0) -> None:
        """Sends the signal and waits until it is gone; raises TimeoutError if it stays."""
        deadline = time.monotonic() + seconds
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)
        while self.is_alive():
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} did not end")
            time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Network:
    """A bridge with the addresses 10.NUMBER.0.0/24; the login node has the first of them."""

    number: int

    @property
    def bridge(self) -> str:
        """Name of the bridge."""
        return f"avbr{self.number}"

    def address(self, node: int) -> str:
        """Address of the node with this number; 0 is the login node."""
        return f"10.{self.number}.0.{10 + node if node else 1}"

    def namespace(self, node: int) -> str:
        """Name of the node's network namespace."""
        return f"av{self.number}n{node}"

    def cable(self, node: int) -> str:
        """Name of the bridge's end of the node's cable."""
        return f"av{self.number}v{node}"

    def require_unused(self) -> None:
        """Raises OSError where another cluster has this number."""
        if Path(f"/sys/class/net/{self.bridge}").exists():
            raise OSError(f"{self.bridge} is there: take that cluster down, or give --network N")

    def build(self, nodes: int) -> None:
        """Makes the bridge, and a namespace with a cable for every node."""
        bridge = self.bridge
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{self.address(0)}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for node in range(1, nodes + 1):
            space, cable = self.namespace(node), self.cable(node)
            _ip("netns", "add", space)
            _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", cable, "master", bridge, "up")
            _ip("-n", space, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")

    def plug(self, node: int, *, there: bool) -> None:
        """Pulls the node's cable, or puts it back."""
        _ip("link", "set", self.cable(node), "up" if there else "down")

    def remove(self, nodes: int) -> None:
        """Takes away what is left of it; what is not there is no error."""
        for node in range(1, nodes + 1):
            _ip("link", "del", self.cable(node), must=False)
            _ip("netns", "del", self.namespace(node), must=False)
        _ip("link", "del", self.bridge, must=False)

    def hosts(self, nodes: int) -> str:
        """The text of /etc/hosts on all of them; no name stands for 127.0.0.1 but localhost."""
        names = [f"{self.address(0)} {LOGIN}"]
        names += [f"{self.address(node)} n{node}" for node in range(1, nodes + 1)]
        return "\n".join(["127.0.0.1 localhost", *names]) + "\n"


def on_login(hosts: Path, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` as the login node: its host name and its hosts."""
    return ["unshare", "--mount", "--uts", "sh", "-c", _ON_LOGIN, str(hosts), *command]


def start_node(
    network: Network,
    node: int,
    hosts: Path,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
) -> Process:
    """Starts a machine that runs `command`; the process returned is the one that holds it up.

    Its name and its mounts come a moment later.
    """
    own = ["--mount", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
    shell = ["sh", "-c", _ON_NODE, str(hosts), f"n{node}"]
    whole = ["ip", "netns", "exec", network.namespace(node), "unshare", *own, *shell, *command]
    return start(whole, environment=environment, log=log)


def wait_for_node(holder: Process, node: int, log: Path) -> None:
    """Returns when the machine has its name and its mounts; raises OSError if it ends before."""
    while not _is_named(holder, f"n{node}"):
        if not holder.is_alive():
            raise OSError(f"machine n{node} cannot be started: see {log}")
        time.sleep(0.05)


def on_node(holder: Process, folder: Path, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` in `folder` on the machine that `holder` holds up."""
    (first,) = holder.children()
    whole = ["nsenter", "-t", str(first.pid), "--net", "--uts", "--mount", "--pid"]
    return [*whole, f"--wdns={folder}", *command]


def start(command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> Process:
    """Starts a process that outlives this one; what it prints is added to `log`."""
    with log.open("ab") as prints:
        made = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=prints,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
    return Process.of(made.pid)


def _is_named(holder: Process, name: str) -> bool:
    """Whether the first process of a machine runs, and has got as far as its command."""
    children = holder.children()
    if not children:
        return False
    target = ["nsenter", "-t", str(children[0].pid), "--uts", "--mount", "--pid", "sh", "-c"]
    said = subprocess.run(
        [*target, "hostname; mount"], capture_output=True, text=True, check=False
    ).stdout
    return said.startswith(f"{name}\n") and "cg on /sys/fs/cgroup" in said


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _ip(*arguments: str, must: bool = True) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if must and done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
