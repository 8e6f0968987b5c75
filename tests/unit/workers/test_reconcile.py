"""A pass of the reconciler runs on the worker's event loop, which takes a lost connection for its own."""

from contextlib import contextmanager

import kombu.exceptions
import pytest
import redis
from redis.exceptions import LockError

from workers.steps.reconcile import Reconcile


class Failing:
    def __init__(self, error):
        self.error = error

    def run(self):
        raise self.error


class LockedByNobody:
    @contextmanager
    def lock(self, *_args, **_options):
        yield


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("slow"),
        redis.exceptions.ReadOnlyError("READONLY"),
        redis.ResponseError("NOREPLICAS Not enough good replicas to write."),
        kombu.exceptions.OperationalError("refused"),  # of a bell
        LockError("somebody else's by now"),
    ],
    ids=repr,
)
def test_trouble_with_redis_ends_the_pass_and_nothing_else(error):
    step = Reconcile.__new__(Reconcile)
    step._redis, step._reconciler = LockedByNobody(), Failing(error)

    step._pass()
