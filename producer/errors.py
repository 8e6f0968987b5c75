"""Errors that only the producer's side can meet; the others are in `contract.errors`.

    VedetteError
    ├── InvalidArgument   invalid_argument   a call, or a command line, that cannot be meant
    ├── RedisRefused      redis_refused      Redis answers, but not with what was asked: full, read-only, forbidden
    ├── WorkerUnknown     worker_unknown     no live worker is called so
    ├── WorkerNeeded      worker_needed      no other worker could run some model: it is not drained
    ├── DrainUnsupported  drain_unsupported  a worker of a Vedette that knows of no draining
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


class WorkerUnknown(VedetteError):
    code = "worker_unknown"


class WorkerNeeded(VedetteError):
    code = "worker_needed"


class DrainUnsupported(VedetteError):
    code = "drain_unsupported"
