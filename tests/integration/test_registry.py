"""The registry against a real Redis: what is there, who lives, and that nothing stays for ever."""

import time
from datetime import timedelta

import pytest
import redis

from contract import keys
from contract.errors import ModelUnknown
from contract.registry import Registry
from contract.settings import Settings
from contract.vitals import Vitals
from tests.support.builders import advert, image_refs, options, spec
from tests.support.protocol import documented_patterns
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def short_registry(redis_client: redis.Redis, settings: Settings) -> Registry:
    """A registry in which adverts live 0.3 s, and models and queues 0.6 s."""
    short = {"advert_lifetime": timedelta(seconds=0.3), "registry_lifetime": timedelta(seconds=0.6)}
    return Registry(redis_client, settings.model_copy(update=short))


# Models


def test_models_are_known_by_name_and_version(registry):
    # Given versions that text would put in another order
    for version in ("9", "10", "1.2", "1.10", "10-rc1"):
        registry.publish_model(spec("defects", version))
    registry.publish_model(spec("animals", "1"))

    # When one asks for them
    known = [model.ref for model in registry.models()]

    # Then numbers count as numbers
    assert known == [
        "animals@1",
        "defects@1.2",
        "defects@1.10",
        "defects@9",
        "defects@10",
        "defects@10-rc1",
    ]
    assert registry.model("defects@9") == spec("defects", "9")
    assert registry.model("animals@1").ref == "animals@1"


@pytest.mark.parametrize("name", ["defects", "defects@latest"])
def test_without_a_version_the_latest_is_meant_and_ten_comes_after_nine(registry, name):
    for version in ("10", "9", "2"):
        registry.publish_model(spec("defects", version))

    assert registry.model(name).version == "10"


@pytest.mark.parametrize("name", ["defect", "defects@3", "@1", "", "animals@latest"])
def test_an_unknown_model_is_answered_with_what_there_is(registry, name):
    registry.publish_model(spec("defects", "1"))
    registry.publish_model(spec("defects", "2"))

    with pytest.raises(ModelUnknown) as unknown:
        registry.model(name)

    assert str(unknown.value) == f"unknown model {name!r}. Known: defects@1, defects@2."
    assert unknown.value.code == "model_unknown"


def test_an_empty_registry_asks_for_a_worker(registry):
    with pytest.raises(ModelUnknown, match=r"No model is registered: has a worker ever been started\?"):
        registry.model("defects")


def test_a_model_that_no_worker_has_seen_for_long_is_forgotten(short_registry, redis_client):
    # Given an old model, and another that is still seen
    short_registry.publish_model(spec("old"))
    wait_until(
        lambda: short_registry.publish_model(spec("new")) or [m.name for m in short_registry.models()] == ["new"],
        timeout_s=5,
        that="the old model is forgotten",
    )

    # Then nothing speaks of it any more
    assert redis_client.zrange(keys.MODELS, 0, -1) == ["new@1"]


def test_a_model_of_a_newer_vedette_is_passed_over(registry, redis_client):
    # Given a worker of a later version in the fleet, whose models have other fields
    registry.publish_model(spec("defects", "1"))
    text = spec("defects", "2").model_dump_json(by_alias=True)
    redis_client.set(keys.model("defects@2"), text.replace('"schema":1', '"schema":2'), ex=60)
    redis_client.zadd(keys.MODELS, {"defects@2": 0})

    # Then this one goes on with the models that it can read, and leaves the other to those who can
    assert registry.model("defects").ref == "defects@1"
    assert redis_client.zrange(keys.MODELS, 0, -1) == ["defects@2", "defects@1"]


# Adverts


def test_live_workers_are_those_whose_advert_was_refreshed(short_registry):
    # Given two workers
    small, large = advert("small@yard", memory="1g"), advert("large@yard", memory="8g", queues=["detect.any.8g"])
    short_registry.publish_advert(small)
    short_registry.publish_advert(large)
    assert short_registry.adverts() == [large, small]

    # When one of them falls silent, then it is gone after the advert's lifetime, and the other is not
    def only_the_large_one_is_left() -> bool:
        short_registry.publish_advert(large)
        return short_registry.adverts() == [large]

    wait_until(only_the_large_one_is_left, timeout_s=5)


def test_a_dead_worker_leaves_no_name_behind(short_registry, redis_client):
    short_registry.publish_advert(advert("small@yard"))
    wait_until(lambda: short_registry.adverts() == [], timeout_s=5, that="the advert ends")

    assert redis_client.zcard(keys.ADVERTS) == 0


def test_a_worker_that_leaves_takes_its_advert_down(registry, redis_client):
    registry.publish_advert(advert("small@yard"))
    registry.publish_advert(advert("large@yard"))

    registry.withdraw_advert("small@yard")

    assert [there.node for there in registry.adverts()] == ["large@yard"]
    assert redis_client.exists(keys.advert("small@yard")) == 0


def test_the_latest_advert_of_a_worker_counts(registry):
    registry.publish_advert(advert("small@yard"))
    registry.publish_advert(advert("small@yard", queues=["detect.any.1g"]))

    assert registry.adverts() == [advert("small@yard", queues=["detect.any.1g"])]


@pytest.mark.parametrize("text", ['{"v": 2, "node": "new@yard"}', "[]", "no json"])
def test_an_advert_that_cannot_be_read_is_passed_over(registry, redis_client, text):
    registry.publish_advert(advert("small@yard"))
    redis_client.set(keys.advert("new@yard"), text, ex=60)
    redis_client.zadd(keys.ADVERTS, {"new@yard": 0})

    assert [there.node for there in registry.adverts()] == ["small@yard"]


def test_what_a_worker_could_do_is_known_after_its_death_and_after_its_leave(short_registry, redis_client):
    # Given two workers, of which one leaves and the other dies
    small, large = advert("small@yard"), advert("large@yard", memory="8g", queues=["detect.any.8g"])
    for worker in (small, large):
        short_registry.publish_advert(worker)
    short_registry.withdraw_advert("small@yard")

    latest, other = short_registry.past()

    assert (latest.advert, latest.left) == (advert("large@yard", memory="8g"), False)
    assert (other.advert, other.left) == (small, True)
    now_s = redis_client.time()[0]
    assert now_s - 5 < other.last_seen_s <= latest.last_seen_s < now_s + 5
    # And that is over, too, in the end
    wait_until(lambda: not redis_client.exists(keys.PAST_ADVERTS, keys.past_advert("large@yard")), timeout_s=5)
    assert short_registry.past() == []


def test_what_a_worker_could_do_is_written_when_it_changes(registry, redis_client):
    registry.publish_advert(advert())
    redis_client.delete(keys.past_advert("small@yard"))
    registry.publish_advert(advert().model_copy(update={"queues": ("detect.any.512m",)}))
    assert not redis_client.exists(keys.past_advert("small@yard"))

    registry.publish_advert(advert().model_copy(update={"draining": True}))

    assert '"draining":true' in redis_client.get(keys.past_advert("small@yard"))


# Queues


def test_queues_in_use_are_those_of_known_models_and_of_tasks(registry, ledger):
    registry.publish_model(spec("small"))
    registry.publish_model(spec("large", base="3g"))
    ledger.create_job("job-1", options(), "detect.any.512m")
    ledger.add_task("job-1", "task-1", "detect.any.16g", 8, image_refs(1))

    assert sorted(registry.queues_in_use()) == ["detect.any.16g", "detect.any.4g", "detect.any.512m"]


def test_a_queue_that_was_not_used_for_long_is_no_longer_in_use(short_registry):
    short_registry.publish_model(spec("large", base="3g"))

    def only_the_small_one_is_left() -> bool:
        short_registry.publish_model(spec("small"))
        return short_registry.queues_in_use() == ["detect.any.512m"]

    wait_until(only_the_small_one_is_left, timeout_s=5)


# Refusals


def test_refused_messages_are_counted_by_code(registry):
    assert registry.rejects() == {}

    assert registry.count_reject("message_version") == 1
    assert registry.count_reject("message_invalid") == 1
    assert registry.count_reject("message_version") == 2

    assert registry.rejects() == {"message_version": 2, "message_invalid": 1}


# Keys


def test_every_key_of_the_registry_is_documented_and_has_a_lifetime(registry, redis_client, settings):
    # Given all that a worker writes
    registry.publish_model(spec())
    registry.publish_advert(advert())
    registry.count_reject("message_invalid")

    # Then each key ends by itself and stands in the protocol
    there_are = sorted(redis_client.scan_iter())
    longest_s = settings.registry_lifetime.total_seconds()
    assert {key: redis_client.ttl(key) for key in there_are if not 0 < redis_client.ttl(key) <= longest_s} == {}
    patterns = documented_patterns()
    assert [key for key in there_are if not any(pattern.fullmatch(key) for pattern in patterns)] == []
    assert there_are == [
        "vedette:advert:small@yard",
        "vedette:adverts",
        "vedette:adverts:past",
        "vedette:adverts:past:small@yard",
        "vedette:model:defects-small@1",
        "vedette:models",
        "vedette:queues",
        "vedette:rejects",
    ]
    assert redis_client.pttl(keys.advert("small@yard")) <= settings.advert_lifetime.total_seconds() * 1000


def test_times_are_redis_own_whatever_the_clock_here(registry, redis_client, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)  # a machine that thinks it is 2096

    registry.publish_model(spec("defects"))
    registry.publish_advert(advert("far@ahead"))

    now_s = redis_client.time()[0]
    for key, per_s in ((keys.MODELS, 1), (keys.ADVERTS, 1), (keys.QUEUES, 1000)):
        [(_, score)] = redis_client.zrange(key, 0, -1, withscores=True)
        assert abs(score / per_s - now_s) < 60
    assert registry.queues_in_use() == redis_client.zrange(keys.QUEUES, 0, -1)


# Vitals


def test_a_fleet_is_adverts_with_what_each_worker_says_of_itself(registry):
    small, large = advert("small@yard", memory="1g"), advert("large@yard", memory="8g")
    vitals = Vitals(node="small@yard", slots_busy=1)

    registry.publish_advert(small, vitals)
    registry.publish_advert(large)

    assert registry.fleet() == [(large, None), (small, vitals)]
    assert registry.adverts() == [large, small]


def test_vitals_live_as_long_as_the_advert(registry, redis_client, settings):
    registry.publish_advert(advert("small@yard"), Vitals(node="small@yard"))

    left_ms = redis_client.pttl(keys.vitals("small@yard"))
    assert 0 < left_ms <= settings.advert_lifetime.total_seconds() * 1000
    registry.withdraw_advert("small@yard")
    assert registry.fleet() == []
    assert redis_client.exists(keys.vitals("small@yard")) == 0


def test_a_thousand_workers_are_two_commands(redis_client, settings):
    # On a busy machine, writing so many takes longer than an advert of these tests lives
    registry = Registry(redis_client, settings.model_copy(update={"advert_lifetime": timedelta(minutes=1)}))
    for number in range(1000):
        registry.publish_advert(advert(f"w{number}@yard"), Vitals(node=f"w{number}@yard"))
    before = redis_client.info("commandstats")

    fleet = registry.fleet()

    after = redis_client.info("commandstats")
    calls = {name: stats["calls"] - before.get(name, {"calls": 0})["calls"] for name, stats in after.items()}
    assert len(fleet) == 1000
    assert all(vitals is not None for _, vitals in fleet)
    assert {name: count for name, count in calls.items() if count} == {
        "cmdstat_zrange": 1,
        "cmdstat_mget": 1,
        "cmdstat_info": 1,
    }
