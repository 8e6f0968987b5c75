from pathlib import Path

import pytest

from workers.memory.oom import OomCounter, OomCounts, killed_since, parse_oom_kill


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", 3),
        ("oom_kill_disable 0\nunder_oom 0\n", None),
        ("low 0\nhigh 12\nmax 40\noom 5\noom_kill 2\noom_group_kill 1\n", 2),
        ("nr_free_pages 5\noom_kill 7\ndrop_pagecache 0\n", 7),
        ("", None),
    ],
    ids=["v1", "v1 before Linux 4.19", "v2", "vmstat", "empty"],
)
def test_the_kernel_s_count(text: str, expected: int | None) -> None:
    assert parse_oom_kill(text) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(OomCounts(1, 5), OomCounts(2, 6), "group", id="ours"),
        pytest.param(OomCounts(1, 5), OomCounts(1, 6), "host", id="somebody's"),
        pytest.param(OomCounts(1, 5), OomCounts(1, 5), None, id="none"),
        pytest.param(OomCounts(None, 5), OomCounts(None, 6), "host", id="no cgroup"),
        pytest.param(OomCounts(1, None), OomCounts(2, None), "group", id="no vmstat"),
        pytest.param(OomCounts(), OomCounts(), None, id="no counts"),
        pytest.param(OomCounts(None, None), OomCounts(4, 9), None, id="counts that appeared say nothing new"),
        pytest.param(OomCounts(3, 5), OomCounts(0, 5), None, id="cgroup made anew"),
    ],
)
def test_who_killed_between_two_readings(before: OomCounts, after: OomCounts, expected: str | None) -> None:
    assert killed_since(before, after) == expected


def test_one_kill_explains_one_death() -> None:
    # Given two slots that died at once, and one kill
    before, after = OomCounts(1, 5), OomCounts(2, 6)

    # When the first death is laid at its door, nothing is left for the second
    assert killed_since(before.less("group"), after) is None
    assert killed_since(OomCounts(None, 5).less("host"), OomCounts(None, 6)) is None
    assert before.less(None) == before
    assert OomCounts(None, None).less("group") == OomCounts(None, None)


def machine(root: Path, membership: str, mountinfo: str, **files: str) -> Path:
    files = {"proc/self/cgroup": membership, "proc/self/mountinfo": mountinfo, **files}
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


V2 = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
V1 = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


def test_v2_counts_the_innermost_group_only(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        "0::/pod/worker\n",
        V2,
        **{
            "sys/fs/cgroup/pod/worker/memory.events": "oom 1\noom_kill 1\noom_group_kill 0\n",
            "sys/fs/cgroup/pod/memory.events": "oom 9\noom_kill 9\n",
            "proc/vmstat": "oom_kill 20\n",
        },
    )
    assert OomCounter(root=root).read() == OomCounts(1, 20)


def test_v2_the_memory_controller_ends_above_the_own_group(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/pod/worker\n", V2, **{"sys/fs/cgroup/pod/memory.events": "oom_kill 9\n"})
    assert OomCounter(root=root).read() == OomCounts(9, None)


def test_v1(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        "4:memory:/docker/1\n0::/\n",
        V1 + V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"),
        **{"sys/fs/cgroup/memory/docker/1/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"},
    )
    assert OomCounter(root=root).read() == OomCounts(4, None)


def test_a_group_that_is_removed_has_no_count_any_more(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/a\n", V2, **{"sys/fs/cgroup/a/memory.events": "oom_kill 1\n"})
    counter = OomCounter(root=root)
    (root / "sys/fs/cgroup/a/memory.events").unlink()

    assert counter.read() == OomCounts(None, None)


def test_no_proc_at_all(tmp_path: Path) -> None:
    assert OomCounter(root=tmp_path).read() == OomCounts(None, None)


def test_counts_do_not_rise_by_themselves_here() -> None:
    counter = OomCounter()
    first = counter.read()

    assert killed_since(first, counter.read()) != "group"
