"""CPU quota of the control groups of this process, as set by containers and clusters.

Quotas of both versions of cgroups are read, each in the group of the process and in all mounted
groups above it: a quota limits everything below it. A group is found by `/proc/self/cgroup` and the
mount by `/proc/self/mountinfo`; a container sees only a part of the tree, whose root the mount
names.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class _Mount:
    version: int
    root: PurePosixPath
    """Group visible at the mount point."""
    point: Path


def cpu_quota(root: Path = _ROOT) -> float | None:
    """Return the smallest quota in cores; None without one.

    `root` is the folder that contains `proc` and the mount points.
    """
    quotas: list[float] = []
    with suppress(OSError, ValueError):  # other systems, or a hidden /proc
        groups = dict(_groups(root / "proc/self/cgroup"))
        for mount in _mounts(root / "proc/self/mountinfo", root):
            if mount.version in groups:
                quotas += _quotas(mount, groups[mount.version])
    return min(quotas, default=None)


def _groups(file: Path) -> Iterator[tuple[int, PurePosixPath]]:
    """Return the group of this process by cgroup version; for version 1 of the cpu controller."""
    for line in file.read_text(encoding="utf-8").splitlines():
        number, controllers, group = line.split(":", 2)
        if number == "0" and not controllers:
            yield 2, PurePosixPath(group)
        elif "cpu" in controllers.split(","):
            yield 1, PurePosixPath(group)


def _mounts(file: Path, root: Path) -> Iterator[_Mount]:
    """Return the mounted trees that may hold quotas."""
    for line in file.read_text(encoding="utf-8").splitlines():
        ours, _, system = line.partition(" - ")
        kind, _, options = (*system.split(), "", "", "")[:3]
        version = {"cgroup": 1, "cgroup2": 2}.get(kind)
        if version is None or (version == 1 and "cpu" not in options.split(",")):
            continue
        group, point = (_unescaped(word) for word in ours.split()[3:5])
        yield _Mount(version, PurePosixPath(group), root / point.lstrip("/"))


def _unescaped(word: str) -> str:
    r"""Decode a path of mountinfo, where a space is \040."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), word)


def _quotas(mount: _Mount, group: PurePosixPath) -> Iterator[float]:
    """Yield the quotas of a group and of the mounted groups above it."""
    inside = group.is_relative_to(mount.root) and ".." not in group.parts
    folder = mount.point / group.relative_to(mount.root) if inside else mount.point
    for index in (folder, *folder.parents):
        quota = _quota(index, mount.version)
        if quota is not None:
            yield quota
        if index == mount.point:
            return


def _quota(folder: Path, version: int) -> float | None:
    try:
        if version == 2:
            allowed, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            allowed, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii")
                for name in ("quota", "period")
            )
        cores = int(allowed) / int(period)  # "max" is no number
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None  # version 1 writes -1 for none
