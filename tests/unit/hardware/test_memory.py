import pytest

from contract.memory import GIB, MIB, format_bytes
from workers.hardware.cgroup import Limit
from workers.hardware.errors import MachineUnsupported
from workers.hardware.memory import Memory, container_reserve_bytes, host_reserve_bytes, measure_memory

MEMINFO_32G = "MemTotal:       33554432 kB\nMemFree:  1024 kB\nSwapTotal:  8388608 kB\n"


@pytest.mark.parametrize(
    ("total_bytes", "reserve", "usable"),
    [
        (2 * GIB, "256 MiB", "1.8 GiB"),
        (8 * GIB, "410 MiB", "7.6 GiB"),
        (64 * GIB, "3.2 GiB", "60.8 GiB"),
        (512 * GIB, "4.0 GiB", "508.0 GiB"),
    ],
)
def test_what_a_host_keeps_back(total_bytes: int, reserve: str, usable: str) -> None:
    reserve_bytes = host_reserve_bytes(total_bytes)
    assert (format_bytes(reserve_bytes), format_bytes(total_bytes - reserve_bytes)) == (reserve, usable)


@pytest.mark.parametrize(
    ("limit_bytes", "reserve", "usable"),
    [
        (1 * GIB, "192 MiB", "832 MiB"),
        (2 * GIB, "192 MiB", "1.8 GiB"),
        (8 * GIB, "410 MiB", "7.6 GiB"),
        (64 * GIB, "1.0 GiB", "63.0 GiB"),
    ],
)
def test_what_a_container_keeps_back(limit_bytes: int, reserve: str, usable: str) -> None:
    reserve_bytes = container_reserve_bytes(limit_bytes)
    assert (format_bytes(reserve_bytes), format_bytes(limit_bytes - reserve_bytes)) == (reserve, usable)


HOST = Limit(32 * GIB, "host memory")
HOST_USABLE = 32 * GIB - host_reserve_bytes(32 * GIB)
SMALL = Limit(4 * GIB, "cgroup /small (memory.max)")
LARGE = Limit(40 * GIB, "cgroup /large (memory.max)")


@pytest.mark.parametrize(
    ("cgroup_limits", "rlimit_as", "rlimit_data", "expected"),
    [
        pytest.param([], None, None, Memory(HOST, HOST_USABLE), id="host; swap is not counted"),
        pytest.param([LARGE], None, None, Memory(HOST, HOST_USABLE), id="a cgroup larger than the host"),
        pytest.param([LARGE, SMALL], None, None, Memory(SMALL, 4 * GIB - 4 * GIB // 20), id="a small cgroup"),
        pytest.param([], 8 * GIB, None, Memory(HOST, HOST_USABLE, Limit(6 * GIB, "RLIMIT_AS")), id="address space"),
        pytest.param([], 1 * GIB, None, Memory(HOST, HOST_USABLE, Limit(0, "RLIMIT_AS")), id="too little of it"),
        pytest.param(
            [], 8 * GIB, 4 * GIB, Memory(HOST, HOST_USABLE, Limit(4 * GIB - 320 * MIB, "RLIMIT_DATA")), id="data"
        ),
    ],
)
def test_the_tightest_limit_counts(
    cgroup_limits: list[Limit], rlimit_as: int | None, rlimit_data: int | None, expected: Memory
) -> None:
    assert measure_memory(MEMINFO_32G, cgroup_limits, rlimit_as, rlimit_data) == expected


def test_a_tiny_container_has_nothing_left_rather_than_less_than_nothing() -> None:
    assert measure_memory(MEMINFO_32G, [Limit(100 * MIB, "cgroup / (memory.max)")], None, None).usable_bytes == 0


def test_meminfo_without_a_total() -> None:
    with pytest.raises(MachineUnsupported, match="MemTotal"):
        measure_memory("", [], None, None)
