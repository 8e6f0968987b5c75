"""The client that asks Vedette and other servers alike, and what is made of its answers."""

from pathlib import Path

from benchmarks.claims import Claim
from benchmarks.peers.__main__ import claims, table
from benchmarks.peers.client import Load, boxes_of, load

IMAGES = [Path(f"{number}.jpg") for number in range(20)]


def test_every_image_is_asked_for_once() -> None:
    asked = list[Path]()

    def ask(image: Path) -> list[str]:
        asked.append(image)
        return ["a box"]

    done = load(ask, IMAGES, callers=4, limit_s=60)

    assert sorted(asked) == sorted(IMAGES)
    assert (len(done.latencies_s), done.found) == (20, 20)


def test_a_round_ends_when_its_time_is_over() -> None:
    assert load(lambda _: [], IMAGES, callers=4, limit_s=0).latencies_s == []


def test_percentiles_and_speed() -> None:
    one = Load(seconds=10, latencies_s=[0.1 * number for number in range(1, 101)], found=0, cpu_s=5)

    assert (one.images_per_s, one.percentile_s(0.5), one.percentile_s(0.99)) == (10, 5, 9.9)
    assert one.cpu_ms_per_image == 50


def test_boxes_of_every_servers_answer() -> None:
    assert boxes_of({"detections": ["a"]}) == boxes_of([["a"]]) == ["a"]


def test_vedette_is_held_against_each_of_the_others() -> None:
    loads = {
        "vedette": [Load(1, [0.2] * 20, 0, 1)],
        "vedette, http": [Load(1, [0.4] * 40, 0, 1)],
        "mosec": [Load(1, [0.4] * 10, 0, 1)],
        "celery": [Load(1, [0.4] * 10, 0, 1)],
    }

    assert claims(loads, "small") == [
        Claim("small: images/s against mosec", 2, 1.3),
        Claim("small: p50 against mosec", 0.5, at_most=1.0),
        Claim("small: images/s by HTTP, against mosec", 4),
        Claim("small: p50 by HTTP, against mosec", 1),
        Claim("small: images/s against celery", 2, 1.3),
        Claim("small: p50 against celery", 0.5, at_most=1.0),
    ]
    assert [line.split("  ")[0] for line in list(table(loads))[1:]] == ["vedette, http", "vedette", "mosec", "celery"]
