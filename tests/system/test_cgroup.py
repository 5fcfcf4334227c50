"""Quotas are found in both versions of cgroups, whether the tree is whole or a container's part."""

from pathlib import Path

import pytest

from avme.system.cgroup import cpu_quota

V1 = "32 31 0:29 {root} /sys/fs/cgroup/cpu\\040acct rw shared:9 - cgroup cgroup rw,cpuacct,cpu"
MEMORY = "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
V2 = "29 23 0:26 {root} /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate"
DISK = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder in place of the root of the file system."""
    (tmp_path / "proc/self").mkdir(parents=True)
    return tmp_path


def belong(machine: Path, groups: str, *mounts: str) -> None:
    (machine / "proc/self/cgroup").write_text(groups)
    (machine / "proc/self/mountinfo").write_text("\n".join([DISK, *mounts]) + "\n")


def set_v1(machine: Path, group: str, quota: int, period: int = 100_000) -> None:
    folder = machine / "sys/fs/cgroup/cpu acct" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (folder / "cpu.cfs_period_us").write_text(f"{period}\n")


def set_v2(machine: Path, group: str, text: str) -> None:
    folder = machine / "sys/fs/cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.max").write_text(f"{text}\n")


def test_cpu_quota_of_version_1_with_minus_1_is_none(machine: Path) -> None:
    belong(machine, "4:memory:/\n1:cpuacct,cpu:/\n", MEMORY, V1.format(root="/"))
    set_v1(machine, "", -1)

    assert cpu_quota(machine) is None


@pytest.mark.parametrize(("parent", "own", "quota"), [(400_000, -1, 4), (300_000, 250_000, 2.5)])
def test_version_1_counts_the_group_and_those_above_it(
    parent: int, own: int, quota: float, machine: Path
) -> None:
    belong(machine, "4:memory:/other\n1:cpuacct,cpu:/jobs/7\n", MEMORY, V1.format(root="/"))
    set_v1(machine, "jobs", parent)
    set_v1(machine, "jobs/7", own)
    set_v1(machine, "jobs/8", 100_000)

    assert cpu_quota(machine) == quota


@pytest.mark.parametrize(
    ("limits", "quota"),
    [
        ({"a": "max 100000", "a/b": "max 100000"}, None),
        ({"a": "150000 100000", "a/b": "max 100000"}, 1.5),
        ({"a": "max 100000", "a/b": "20000 10000"}, 2),
        ({"a": "300000 100000", "a/b": "800000 100000"}, 3),
        ({"a": "no numbers"}, None),
    ],
)
def test_version_2_counts_the_group_and_those_above_it(
    limits: dict[str, str], quota: float | None, machine: Path
) -> None:
    belong(machine, "0::/a/b\n", V2.format(root="/"))
    for group, text in limits.items():
        set_v2(machine, group, text)

    assert cpu_quota(machine) == quota


@pytest.mark.parametrize("root", ["/docker/3f", "/"])
def test_cpu_quota_in_container_is_that_of_its_group_at_the_mount(root: str, machine: Path) -> None:
    """Without a namespace of cgroups the mount has the container's path as its root, with one /."""
    belong(machine, f"0::{root}\n1:cpuacct,cpu:{root}\n", V1.format(root=root))
    set_v1(machine, "", 200_000)

    assert cpu_quota(machine) == 2


def test_cpu_quota_of_group_outside_of_the_mount_is_that_of_the_mount(machine: Path) -> None:
    belong(machine, "0::/../elsewhere\n", V2.format(root="/"))
    set_v2(machine, "", "700000 100000")

    assert cpu_quota(machine) == 7


def test_cpu_quota_of_both_versions_is_the_smaller(machine: Path) -> None:
    second = V2.format(root="/").replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    belong(machine, "1:cpuacct,cpu:/\n0::/\n", V1.format(root="/"), second)
    set_v1(machine, "", 400_000)
    set_v2(machine, "unified", "300000 100000")

    assert cpu_quota(machine) == 3


def test_cpu_quota_without_proc_is_none(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
