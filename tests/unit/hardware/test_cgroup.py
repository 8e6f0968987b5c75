import pytest

from workers.hardware.cgroup import Limit, cpu_quota, directories, memory_limits

V2 = "30 23 0:26 {root} {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 24 0:29 {root} {point} rw - cgroup cgroup rw,{controllers}"


def v2(root: str = "/", point: str = "/sys/fs/cgroup") -> str:
    return V2.format(root=root, point=point)


def v1(controllers: str = "memory", root: str = "/", point: str = "/cg/memory") -> str:
    return V1.format(root=root, point=point, controllers=controllers)


@pytest.mark.parametrize(
    ("membership", "mountinfo", "expected"),
    [
        pytest.param("0::/", v2(), [("/sys/fs/cgroup", "/")], id="v2 in a namespace"),
        pytest.param(
            "0::/a/b",
            v2(),
            [("/sys/fs/cgroup/a/b", "/a/b"), ("/sys/fs/cgroup/a", "/a"), ("/sys/fs/cgroup", "/")],
            id="v2, all the way up",
        ),
        pytest.param(
            "4:memory:/docker/1", v1(root="/docker/1"), [("/cg/memory", "/docker/1")], id="v1 docker, no namespace"
        ),
        pytest.param(
            "4:memory:/docker/1/sub",
            v1(root="/docker/1"),
            [("/cg/memory/sub", "/docker/1/sub"), ("/cg/memory", "/docker/1")],
            id="v1 docker, no namespace, nested",
        ),
        pytest.param("4:memory:/", v1(root="/docker/1"), [("/cg/memory", "/docker/1")], id="hidden way down"),
        pytest.param("0::/", v2(root="/.."), [("/sys/fs/cgroup", "/..")], id="mount from outside of the namespace"),
        pytest.param("0::/../other", v2(), [("/sys/fs/cgroup", "/")], id="process outside of the namespace"),
        pytest.param("0::/", v2(point=r"/my\040groups"), [("/my groups", "/")], id="escaped mount point"),
        pytest.param("1:name=systemd:/a\n0::/a", v1("name=systemd"), [], id="hierarchies without controllers"),
        pytest.param("4:memory:/a", v1("pids"), [], id="controller not mounted"),
        pytest.param("0::/a", "22 26 0:21 / /proc rw,relatime - proc proc rw", [], id="no cgroup file system"),
        pytest.param("", "", [], id="no cgroups"),
    ],
)
def test_directories(membership: str, mountinfo: str, expected: list[tuple[str, str]]) -> None:
    assert [(str(found.path), found.name) for found in directories(membership, mountinfo)] == expected


def test_limits_of_both_versions_at_once() -> None:
    found = directories("4:memory:/a\n0::/a", f"{v1()}\n{v2(point='/cg/unified')}")
    texts = {
        "/cg/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
        "/cg/memory/memory.limit_in_bytes": "3000\n",
        "/cg/unified/a/memory.max": "max\n",
        "/cg/unified/a/memory.high": "2000\n",
    }
    assert memory_limits(found, texts) == [
        Limit(3000, "cgroup / (memory.limit_in_bytes)"),
        Limit(2000, "cgroup /a (memory.high)"),
    ]


@pytest.mark.parametrize(
    ("membership", "mountinfo", "texts", "quota"),
    [
        ("0::/", v2(), {"/sys/fs/cgroup/cpu.max": "350000 100000\n"}, 3.5),
        ("0::/", v2(), {"/sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ("0::/", v2(), {}, None),
        ("0::/a", v2(), {"/sys/fs/cgroup/a/cpu.max": "max 100000", "/sys/fs/cgroup/cpu.max": "50000 100000"}, 0.5),
        (
            "5:cpu,cpuacct:/",
            v1("cpu,cpuacct", point="/cg/cpu"),
            {"/cg/cpu/cpu.cfs_quota_us": "200000\n", "/cg/cpu/cpu.cfs_period_us": "100000\n"},
            2.0,
        ),
        (
            "5:cpu,cpuacct:/",
            v1("cpu,cpuacct", point="/cg/cpu"),
            {"/cg/cpu/cpu.cfs_quota_us": "-1\n", "/cg/cpu/cpu.cfs_period_us": "100000\n"},
            None,
        ),
    ],
)
def test_cpu_quota(membership: str, mountinfo: str, texts: dict[str, str], quota: float | None) -> None:
    assert cpu_quota(directories(membership, mountinfo), texts) == quota
