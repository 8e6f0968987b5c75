"""producer.fleet.flow: when queues are empty, worked out by hand."""

import math

import pytest

from producer.fleet.flow import Crew, finished_s

NEVER = math.inf


@pytest.mark.parametrize(
    ("work", "crews", "done_s"),
    [
        pytest.param({}, [], {}, id="nothing to do"),
        pytest.param({"q": 0}, [], {"q": 0.0}, id="an empty queue is done"),
        pytest.param({"q": 60}, [Crew({"q": 0.5}, 2)], {"q": 60.0}, id="two slots"),
        pytest.param({"q": 60}, [Crew({"q": 0.5}, 2), Crew({"q": 0.5}, 1, 30.0)], {"q": 50.0}, id="one joins later"),
        pytest.param({"q": 60}, [Crew({"q": 0.5}, 2), Crew({"q": 0.5}, 9, 61.0)], {"q": 60.0}, id="one is too late"),
        pytest.param({"q": 60}, [Crew({"q": 1.0}, 1, 60.0)], {"q": 120.0}, id="nobody is there at first"),
        pytest.param({"q": 60, "p": 5}, [Crew({"q": 1.0}, 1)], {"q": 60.0, "p": NEVER}, id="one that nobody serves"),
        pytest.param({"q": 60}, [Crew({"q": 1.0}, 0)], {"q": NEVER}, id="no slots"),
        pytest.param(
            {"large": 10, "small": 100},
            [Crew({"large": 1.0, "small": 10.0}, 1)],
            {"large": 10.0, "small": 20.0},
            id="the more demanding queue comes first",
        ),
        pytest.param(
            {"large": 10, "small": 300},
            [Crew({"large": 1.0, "small": 10.0}, 1), Crew({"small": 10.0}, 1)],
            {"large": 10.0, "small": 20.0},
            id="the large worker helps with the small ones once it is free",
        ),
        pytest.param(
            {"a": 100, "b": 100}, [Crew({"a": 10.0}, 1), Crew({"b": 1.0}, 1)], {"a": 10.0, "b": 100.0}, id="apart"
        ),
    ],
)
def test_when_queues_are_empty(work: dict[str, int], crews: list[Crew], done_s: dict[str, float]) -> None:
    assert finished_s(work, crews) == pytest.approx(done_s)


def test_a_hundred_queues_and_classes_come_to_an_end() -> None:
    queues = [f"q{number}" for number in range(100)]
    crews = [Crew(dict.fromkeys(queues[number:], 0.1 + number / 7), 3, number) for number in range(100)]

    done_s = finished_s(dict.fromkeys(queues, 1000.0), crews)

    assert all(math.isfinite(second) for second in done_s.values())
