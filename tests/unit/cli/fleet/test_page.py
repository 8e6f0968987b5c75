"""vedette.fleet: what the page shows, on a narrow and on a wide terminal, and of many workers."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from contract.errors import RedisUnreachable
from contract.ledger import Work
from contract.vitals import SlotVitals
from producer.errors import RedisRefused
from producer.fleet import FleetView, Worker, view_of
from tests.support.builders import spec
from tests.support.facts import facts, vitals, worker
from vedette.fleet.live import Watch
from vedette.fleet.page import FleetPage
from vedette.fleet.rows import headline, queue_rows, worker_rows

QUEUE, LARGE_QUEUE = "detect.any.512m", "detect.any.8g"


def slot(*models: str) -> SlotVitals:
    return SlotVitals(pid=7, models=models)


def a_fleet() -> FleetView:
    large = vitals("large@yard", slots=2, busy=2, used="1536m", images_per_s={"defects-small@1": 14.1})
    old = worker("old@yard", old=True, memory="1g", cpu_level="sandybridge", queues=[QUEUE])
    workers = [
        worker(
            "large@yard",
            lives=large.model_copy(update={"each": (slot("defects-small@1"),), "kills": {"kernel": 2}}),
            memory="3584m",
            slots=2,
            queues=[QUEUE],
        ),
        old,
        worker("small@yard", memory="1g", lives=vitals(used="900m", draining=True)),
    ]
    queues = {QUEUE: Work(101, 3200, 2, 64), LARGE_QUEUE: Work(2, 40)}
    models = {"defects-small@1": Work(101, 3200, 2, 64), "defects-large@1": Work(2, 40)}
    return view_of(
        facts(
            workers,
            [spec(), spec("defects-large", base="6g")],
            queues=queues,
            of_models=models,
            oldest_s={QUEUE: 65.0, LARGE_QUEUE: 250.0},
            slots_busy={"old@yard": 1},
            estimated=True,
        )
    )


def drawn(page: FleetPage, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    with console.capture() as text:
        console.print(page)
    return [line.rstrip() for line in text.get().splitlines()]


def test_on_a_wide_terminal_everything_is_there() -> None:
    assert drawn(FleetPage(a_fleet()), 200) == [
        "Fleet at 12:00:00 UTC  3 workers, 3 of 4 slots busy, 14.1 images/s; about 3,240 images wait, 64 are under way",
        "",
        "worker      CPU level    memory          slots  images/s   up  models loaded    note",
        "large@yard  x86_64_v3    1.5 of 7.0 GiB    2/2      14.1  1 h  defects-small@1  slots died: 2",
        "old@yard    sandybridge  1.0 GiB           1/1",
        "small@yard  x86_64_v3    0.9 of 1.0 GiB    0/1       0.0  1 h                   draining",
        "",
        "queue            images waiting  tasks  oldest  running  served by",
        "detect.any.8g                40      2   4 min        0  nobody: needs 8 GiB of memory per slot, "
        "the largest worker has 3.5 GiB",
        "detect.any.512m           3,200    101   1 min       64  large@yard, old@yard",
        "",
        "model            images waiting  running  images/s  queue            workers",
        "defects-small@1           3,200       64      14.1  detect.any.512m  2 workers, 3 slots",
        "defects-large@1              40        0       0.0  detect.any.8g    nobody: needs 8 GiB of memory per slot, "
        "the largest worker has 3.5 GiB",
    ]


def test_on_a_narrow_one_the_least_important_columns_are_left_out_and_no_reason_is_cut_off() -> None:
    lines = drawn(FleetPage(a_fleet()), 80)

    assert max(map(len, lines)) <= 80
    assert lines[3].split() == ["worker", "CPU", "level", "memory", "slots", "images/s", "up", "note"]
    queues = lines[lines.index("", 4) + 1 :]
    assert queues[0].split() == ["queue", "images", "waiting", "oldest", "running", "served", "by"]
    told = " ".join(" ".join(line[49:].split()) for line in queues[1:4])
    assert "nobody: needs 8 GiB of memory per slot, the largest worker has 3.5 GiB" in told


@pytest.mark.parametrize("width", [20, 40, 60, 100, 120, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = drawn(FleetPage(a_fleet()), width)

    assert max(map(len, lines)) <= width
    assert any("large@yard" in line for line in lines)


def test_an_empty_fleet_says_how_to_start_a_worker() -> None:
    assert headline(view_of(facts())) == (
        "no worker is alive: start one with `celery -A workers worker`; 0 images wait, 0 are under way"
    )


# Many


def many() -> list[Worker]:
    small = [
        worker(
            f"small-{n}@yard",
            memory=f"{1800 + n % 3}m",  # as alike as machines of one kind are
            lives=vitals(busy=1, used=f"{500 + n}m", images_per_s={"ssd@1": 2.0}, each=(slot("ssd@1"),)),
            queues=[QUEUE],
        )
        for n in range(70)
    ]
    large = [
        worker(f"large-{n}@yard", memory="16g", slots=2, lives=vitals(slots=2, draining=n < 3), queues=[QUEUE])
        for n in range(30)
    ]
    return [*small, *large]


def test_many_workers_are_told_of_by_class() -> None:
    large, small = worker_rows(view_of(facts(many(), [spec()])))

    assert (large["worker"], large["slots × threads"], large["slots"]) == ("30 workers", "2 × 2", "0/60")
    assert large["note"] == "3 draining"
    assert (small["worker"], small["slots"], small["images/s"]) == ("70 workers", "70/70", "140.0")
    assert small["memory"] == "≤ 0.6 of 1.8 GiB"
    assert small["models loaded"] == "ssd@1 (70)"


def test_each_of_many_workers_on_request() -> None:
    assert len(worker_rows(view_of(facts(many())), each=True)) == 100


def test_a_hundred_workers_and_queues_fit_on_a_page() -> None:
    tiers = [f"detect.{level}.{tier}" for level in LEVELS for tier in TIERS]
    queues = {queue: Work(tasks_waiting=n % 20 == 0) for n, queue in enumerate(tiers)}

    lines = drawn(FleetPage(view_of(facts(many(), queues=queues))), 80)

    assert len(lines) < 30
    assert "… and 59 queues without work" in lines


LEVELS = ("any", "x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4", "haswell", "zen2")
TIERS = ("512m", "1g", "2g", "4g", "8g", "16g", "32g", "64g", "128g")[:9]


def test_who_serves_a_queue_is_named_or_counted() -> None:
    def served_by(workers: Sequence[Worker]) -> str:
        return queue_rows(view_of(facts(workers, queues={QUEUE: Work()})))[0]["served by"]

    listening = [worker(f"{n}@yard", queues=[QUEUE]) for n in range(3)]
    assert served_by(listening[:2]) == "0@yard, 1@yard"
    assert served_by(listening) == "3 workers, 3 slots"
    assert served_by([worker("new@yard")]) == "1 worker, in a moment"


# Live


def test_a_redis_that_is_away_is_told_of_and_what_was_seen_last_stays() -> None:
    seen: list[FleetView | Exception] = [
        RedisUnreachable("no Redis at redis://yard (refused). \nStart one"),
        a_fleet(),
        RedisRefused("Redis at redis://yard refused: LOADING"),
        a_fleet(),
    ]
    now_s = iter([0.0, 12.0, 50.0])

    def look() -> FleetView:
        what = seen.pop(0)
        if isinstance(what, Exception):
            raise what
        return what

    watched = Watch(look, clock=lambda: next(now_s))
    pages = [drawn(watched.page(), 200) for _ in range(4)]

    assert pages[0] == ["no Redis at redis://yard (refused).", "trying again"]
    assert pages[1] == drawn(FleetPage(a_fleet()), 200)
    assert pages[2][:2] == [
        "Redis at redis://yard refused: LOADING",
        "trying again; below is what was there 12 s ago",
    ]
    assert pages[2][2:] == pages[1]
    assert pages[3] == pages[1]
