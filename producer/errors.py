"""Errors that only the producer's side can meet; the others are in `contract.errors`.

    VedetteError
    ├── InvalidArgument   invalid_argument   a call, or a command line, that cannot be meant
    └── RedisRefused      redis_refused      Redis answers, but not with what was asked: full, read-only, forbidden

A code never changes its meaning; messages may be reworded.
"""

from contract.errors import VedetteError


class InvalidArgument(VedetteError):
    code = "invalid_argument"


class RedisRefused(VedetteError):
    code = "redis_refused"
