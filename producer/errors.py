"""Errors that only the producer's side can meet; the others are in `contract.errors`.

    VedetteError
    ├── InvalidArgument   invalid_argument   a call, or a command line, that cannot be meant
    ├── RedisRefused      redis_refused      Redis answers, but not with what was asked: full, read-only, forbidden
    └── NotReplicated     not_replicated     a failover of Redis has lost the job, or could: it was not submitted

A code never changes its meaning; messages may be reworded.
"""

from contract.errors import VedetteError


class InvalidArgument(VedetteError):
    code = "invalid_argument"


class RedisRefused(VedetteError):
    code = "redis_refused"


class NotReplicated(VedetteError):
    code = "not_replicated"
