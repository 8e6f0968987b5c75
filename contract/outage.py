"""Which errors of Redis pass by themselves: lost connections, and a Redis that cannot serve just now, but will. Pure.

    away        refused, cut, timed out, no master known           redis.ConnectionError, redis.TimeoutError
    starting    its file is still being read                       LOADING
    changing    a failover is under way, or a network is split     READONLY, MASTERDOWN, UNBLOCKED, NOREPLICAS
    full        of memory, or its disk is                          OOM, MISCONF
    busy        with a script                                      BUSY

What a script meets stands in the middle of the text up to Redis 6.2: `ERR Error running script (…): … -READONLY …`.
How long to wait is decided elsewhere: `workers.patience`, `producer.outage`.
"""

import re
from typing import Final

import kombu.exceptions
import redis

#: What ledger, registry and bell raise when Redis does not do as it is asked, whether that passes or not.
RedisTrouble: Final = (redis.RedisError, kombu.exceptions.OperationalError)

_PASSING: Final = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.MasterDownError,
)
#: Waiting does not give a password or a permission.
_LASTING: Final = (redis.AuthenticationError, redis.exceptions.AuthorizationError)
_CODES: Final = "BUSY|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|UNBLOCKED"
_SAYS_SO: Final = re.compile(rf"^-?(?:{_CODES})\b|^(?:ERR )?Error running script .*[: ]-(?:{_CODES})\b", re.DOTALL)


def is_passing(error: BaseException | None) -> bool:
    """Whether the same call is worth another try in a while."""
    if isinstance(error, kombu.exceptions.OperationalError):
        return error.__cause__ is None or is_passing(error.__cause__) or isinstance(error.__cause__, OSError)
    if isinstance(error, _LASTING):
        return False
    return isinstance(error, _PASSING) or (
        isinstance(error, redis.ResponseError) and _SAYS_SO.match(str(error)) is not None
    )
