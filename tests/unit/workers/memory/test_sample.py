import os
import resource
import time
from pathlib import Path

import pytest

from contract.memory import GIB, MIB
from workers.hardware.cgroup import Limit
from workers.memory.sample import (
    UNBOUNDED_BYTES,
    Bound,
    Sampler,
    anonymous_bytes,
    cgroup_bound,
    host_bound,
    parse_rlimits,
    parse_status,
    reclaimable_bytes,
    rlimit_bounds,
)

STATUS = b"""Name:\tpython
VmPeak:\t 9999999 kB
VmSize:\t 2097152 kB
VmRSS:\t 1048576 kB
RssAnon:\t  512000 kB
RssFile:\t  536576 kB
RssShmem:\t     100 kB
VmData:\t 1048576 kB
VmStk:\t     132 kB
"""
MEMINFO = b"MemTotal:       16777216 kB\nMemFree:  1000 kB\nMemAvailable:    8388608 kB\nSwapFree:  9999999 kB\n"
LIMITS = b"""Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max data size             {data}            unlimited            bytes
Max address space         {space}           unlimited            bytes
"""
V1_STAT = b"""cache 9474048
inactive_file 8192
active_file 380928
unevictable 15192064
total_cache 1431875584
total_inactive_anon 1350770688
total_inactive_file 300000000
total_active_file 100000000
"""
V2_STAT = b"anon 1353629696\nfile 5000\ninactive_anon 1\nactive_anon 2\ninactive_file 3000\nactive_file 1500\n"


def rlimits(data: str = "unlimited", space: str = "unlimited") -> bytes:
    return LIMITS.replace(b"{data}", data.encode()).replace(b"{space}", space.encode())


def test_the_status_of_a_process() -> None:
    fields = parse_status(STATUS)

    assert fields == {"VmSize": 2 * GIB, "RssAnon": 500 * MIB, "RssShmem": 100 * 1024, "VmData": GIB}
    assert anonymous_bytes(fields) == 500 * MIB + 100 * 1024


def test_a_process_that_is_gone_holds_nothing() -> None:
    assert anonymous_bytes(parse_status(b"")) == 0


@pytest.mark.parametrize(
    ("stat", "expected"), [(V1_STAT, 400_000_000), (V2_STAT, 4500), (b"", 0), (b"active_file 7\n", 7)]
)
def test_file_pages_can_be_had_back(stat: bytes, expected: int) -> None:
    assert reclaimable_bytes(stat) == expected


@pytest.mark.parametrize(
    ("usage", "stat", "free"),
    [
        pytest.param(b"1500000000\n", b"", 500_000_000, id="no file pages"),
        pytest.param(b"1500000000\n", V1_STAT, 900_000_000, id="file pages count as free"),
        pytest.param(b"2500000000\n", b"", 0, id="above memory.high"),
        pytest.param(b"100\n", V1_STAT, 2_000_000_000, id="statistics that lag behind"),
        pytest.param(b"", b"", None, id="removed"),
    ],
)
def test_what_a_cgroup_leaves(usage: bytes, stat: bytes, free: int | None) -> None:
    expected = None if free is None else Bound(free, "cgroup /a (memory.max)")
    assert cgroup_bound(Limit(2_000_000_000, "cgroup /a (memory.max)"), usage, stat) == expected


@pytest.mark.parametrize(
    ("meminfo", "expected"),
    [(MEMINFO, Bound(8 * GIB, "host memory")), (b"MemTotal: 5 kB\n", None), (b"", None)],
)
def test_what_the_host_leaves(meminfo: bytes, expected: Bound | None) -> None:
    assert host_bound(meminfo) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param(rlimits(), [], id="unlimited"),
        pytest.param(rlimits(space=str(3 * GIB)), [Bound(GIB, "RLIMIT_AS")], id="address space, against VmSize"),
        pytest.param(rlimits(data=str(3 * GIB)), [Bound(2 * GIB, "RLIMIT_DATA")], id="data, against VmData"),
        pytest.param(rlimits(space="1000"), [Bound(0, "RLIMIT_AS")], id="lowered below what is mapped"),
        pytest.param(b"", [], id="no such file"),
    ],
)
def test_limits_of_the_process_itself(limits: bytes, expected: list[Bound]) -> None:
    assert list(rlimit_bounds(parse_rlimits(limits), parse_status(STATUS))) == expected


class Machine:
    """A recorded file system in `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/self/status", STATUS)
        self.write("proc/meminfo", MEMINFO)
        self.write("proc/self/limits", rlimits())

    def write(self, path: str, content: bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def v2(self) -> None:
        self.write("proc/self/cgroup", b"0::/pod/slot\n")
        self.write("proc/self/mountinfo", b"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n")
        for name, limit, usage in (("pod", b"4294967296\n", b"4000000000\n"), ("pod/slot", b"max\n", b"1\n")):
            self.write(f"sys/fs/cgroup/{name}/memory.max", limit)
            self.write(f"sys/fs/cgroup/{name}/memory.current", usage)
            self.write(f"sys/fs/cgroup/{name}/memory.stat", V2_STAT)

    def v1(self) -> None:
        self.write("proc/self/cgroup", b"4:memory:/docker/1\n2:cpu:/docker/1\n0::/docker/1\n")
        self.write(
            "proc/self/mountinfo",
            b"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            b"36 31 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
        )
        self.write("sys/fs/cgroup/memory/memory.limit_in_bytes", b"9223372036854771712\n")
        self.write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", b"2147483648\n")
        self.write("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", b"2047483648\n")
        self.write("sys/fs/cgroup/memory/docker/1/memory.stat", V1_STAT)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_v2_every_cgroup_on_the_path_counts(machine: Machine) -> None:
    machine.v2()

    sample = Sampler(root=machine.root).sample()

    assert sample.anon_bytes == 500 * MIB + 100 * 1024
    assert sample.free_bytes == 4294967296 - (4_000_000_000 - 4500)
    assert sample.tightest == "cgroup /pod (memory.max)"


def test_v1_container(machine: Machine) -> None:
    machine.v1()
    sampler = Sampler(root=machine.root)

    sample = sampler.sample()

    assert (sample.free_bytes, sample.tightest) == (500_000_000, "cgroup /docker/1 (memory.limit_in_bytes)")
    assert sampler.smallest_limit_bytes() == 2 * GIB


def test_without_cgroups_the_host_counts(machine: Machine) -> None:
    sampler = Sampler(root=machine.root)

    assert (sampler.sample().free_bytes, sampler.sample().tightest) == (8 * GIB, "host memory")
    assert sampler.smallest_limit_bytes() == 16 * GIB


def test_a_process_limit_may_be_the_tightest(machine: Machine) -> None:
    machine.v1()
    machine.write("proc/self/limits", rlimits(space=str(2 * GIB + 5)))

    sample = Sampler(root=machine.root).sample()

    assert (sample.free_bytes, sample.tightest) == (5, "RLIMIT_AS")


def test_a_process_limit_may_be_the_smallest(machine: Machine) -> None:
    machine.v1()
    machine.write("proc/self/limits", rlimits(space=str(GIB)))

    assert Sampler(root=machine.root).smallest_limit_bytes() == GIB


def test_nothing_readable_bounds_nothing(tmp_path: Path) -> None:
    sampler = Sampler(root=tmp_path)

    assert sampler.sample().anon_bytes == 0
    assert sampler.sample().free_bytes == UNBOUNDED_BYTES
    assert sampler.smallest_limit_bytes() is None


def test_usage_is_read_each_time_and_limits_once_a_second(machine: Machine) -> None:
    # Given a sampler that has seen the limit
    machine.v1()
    now_s = [0.0]
    sampler = Sampler(root=machine.root, clock=lambda: now_s[0])
    assert sampler.sample().free_bytes == 500_000_000

    # When usage falls by 10 and the limit by 100
    machine.write("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", b"2047483638\n")
    machine.write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", b"2147483548\n")

    # Then the one counts at once and the other a second later
    assert sampler.sample().free_bytes == 500_000_010
    now_s[0] = 1.0
    assert sampler.sample().free_bytes == 499_999_910


def test_this_process_here_and_now() -> None:
    sampler = Sampler()
    before = sampler.sample()
    held = b"x" * (32 * MIB)
    after = sampler.sample()
    sampler.close()

    assert len(held) <= after.anon_bytes - before.anon_bytes + 4 * MIB
    assert 0 < after.free_bytes < UNBOUNDED_BYTES
    assert sampler.sample().free_bytes == UNBOUNDED_BYTES  # closed: nothing can be read any more


def test_another_process_by_its_pid() -> None:
    own, other = Sampler(os.getpid()).sample(), Sampler(os.getppid()).sample()

    assert own.anon_bytes > 0
    assert other.anon_bytes > 0
    assert Sampler(2**22 + 1).sample().anon_bytes == 0  # above the largest pid


def test_a_sample_is_cheap() -> None:
    sampler = Sampler()
    sampler.sample()
    cpu_s = time.thread_time()

    for _ in range(200):
        sampler.sample()

    assert (time.thread_time() - cpu_s) / 200 < 0.002  # 0.1 ms measured; twenty times that on a slow machine


def test_the_limits_file_says_what_getrlimit_says() -> None:
    text = Path("/proc/self/limits").read_bytes()
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]

    assert parse_rlimits(text).get("RLIMIT_AS", resource.RLIM_INFINITY) == soft
