import threading
from datetime import timedelta

import pytest
import redis

from contract import keys
from contract.connection import connect
from contract.settings import Settings
from tests.support.builders import DIGEST
from tests.support.redis_cost import redis_cost
from tests.support.wait import wait_until
from workers.memory.learned import Learned, LearnedSizes

pytestmark = pytest.mark.integration
CLASS = "1792m"
KEY = keys.learned(DIGEST, CLASS)


@pytest.fixture
def sizes(redis_client: redis.Redis, settings: Settings) -> LearnedSizes:
    return LearnedSizes(redis_client, settings)


def test_nothing_is_known_at_first(sizes: LearnedSizes) -> None:
    assert sizes.read(DIGEST, CLASS) == Learned()
    assert sizes.limit(DIGEST, CLASS) is None


def test_one_slot_fails_and_all_know(sizes: LearnedSizes, settings: Settings) -> None:
    sizes.failed(DIGEST, CLASS, 16)

    with connect(settings) as another:
        elsewhere = LearnedSizes(another, settings)
        assert elsewhere.limit(DIGEST, CLASS) == 8
        assert elsewhere.limit(DIGEST, "3584m") is None
        assert elsewhere.limit("sha256:" + "1" * 64, CLASS) is None


def test_what_is_returned_is_what_is_kept(sizes: LearnedSizes, redis_client: redis.Redis) -> None:
    after = sizes.fitted(DIGEST, CLASS, 8, peak_bytes=123)

    assert sizes.read(DIGEST, CLASS) == after
    assert (after.fitted, after.peak_bytes) == (8, 123)
    assert abs(after.updated_ms / 1000 - redis_client.time()[0]) < 5


def test_it_is_forgotten_after_the_registry_lifetime(
    sizes: LearnedSizes, redis_client: redis.Redis, settings: Settings
) -> None:
    sizes.failed(DIGEST, CLASS, 16)
    assert 0 < redis_client.pttl(KEY) <= settings.registry_lifetime / timedelta(milliseconds=1)

    redis_client.persist(KEY)
    sizes.fitted(DIGEST, CLASS, 8, 5)
    assert redis_client.pttl(KEY) > 0


def test_what_is_no_news_is_not_written(sizes: LearnedSizes, redis_client: redis.Redis) -> None:
    sizes.fitted(DIGEST, CLASS, 8, 5)
    before = redis_client.hgetall(KEY)

    sizes.fitted(DIGEST, CLASS, 8, 5)
    sizes.failed(DIGEST, CLASS, 1)

    assert redis_client.hgetall(KEY) == before


def test_slots_that_learn_at_once_do_not_undo_each_other(sizes: LearnedSizes, settings: Settings) -> None:
    # Given a limit of 8, and six slots that each run five full batches at the same time
    sizes.failed(DIGEST, CLASS, 16)
    ready = threading.Barrier(6)

    def work() -> None:
        with connect(settings) as client:
            own = LearnedSizes(client, settings)
            ready.wait(10)
            for _ in range(5):
                own.fitted(DIGEST, CLASS, 8, 5)

    slots = [threading.Thread(target=work) for _ in range(6)]
    for slot in slots:
        slot.start()
    for slot in slots:
        slot.join(30)

    # Then each batch counts, once
    assert sizes.read(DIGEST, CLASS).streak == 30
    sizes.fitted(DIGEST, CLASS, 8, 5)
    assert sizes.fitted(DIGEST, CLASS, 8, 5).limit == 10


def test_fields_of_a_newer_version_are_ignored(sizes: LearnedSizes, redis_client: redis.Redis) -> None:
    sizes.failed(DIGEST, CLASS, 16)
    redis_client.hset(KEY, "something", "new")

    assert sizes.limit(DIGEST, CLASS) == 8


def test_batches_that_teach_nothing_and_follow_fast_cost_one_look(sizes: LearnedSizes, settings: Settings) -> None:
    sizes.fitted(DIGEST, CLASS, 8, 5)

    with connect(settings) as another, redis_cost(another) as cost:
        slot = LearnedSizes(another, settings)
        for _ in range(3):
            slot.limit(DIGEST, CLASS)
            slot.fitted(DIGEST, CLASS, 8, 5)

    assert cost.round_trips == 1


def test_a_slot_soon_hears_of_others_failures_and_at_once_of_its_own(sizes: LearnedSizes, settings: Settings) -> None:
    assert sizes.limit(DIGEST, CLASS) is None
    with connect(settings) as another:
        LearnedSizes(another, settings).failed(DIGEST, CLASS, 16)

    assert wait_until(lambda: sizes.limit(DIGEST, CLASS), 5) == 8

    sizes.failed(DIGEST, CLASS, 8)
    assert sizes.limit(DIGEST, CLASS) == 4


def test_what_others_learned_since_the_look_is_not_undone(sizes: LearnedSizes, settings: Settings) -> None:
    # Given a batch that began before another slot failed
    sizes.limit(DIGEST, CLASS)
    with connect(settings) as another:
        LearnedSizes(another, settings).failed(DIGEST, CLASS, 16)

    # When it fits, with a peak that is news
    sizes.fitted(DIGEST, CLASS, 4, 99)

    # Then both are known
    known = sizes.read(DIGEST, CLASS)
    assert (known.limit, known.failed, known.fitted, known.peak_bytes) == (8, 16, 4, 99)
