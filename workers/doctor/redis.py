"""Redis, as far as a machine's doctor is concerned: whether there is one, and one that keeps jobs. Pure.

None of it makes a machine unhealthy: Redis may be started later, and is one for the whole fleet.
"""

from typing import Final

from workers.doctor.facts import RedisFacts
from workers.doctor.finding import Finding

_OLDEST: Final = (6, 2)


def redis_findings(facts: RedisFacts) -> list[Finding]:
    if facts.info is None:
        return [
            Finding(
                "redis_unreachable",
                "note",
                "redis",
                f"no answer from {facts.url}: {facts.error}",
                "A worker waits for its Redis; the machine is judged without.",
                "Start one (`vedette up` brings its own), or set VEDETTE_REDIS_URL or --redis to where it runs.",
                numbers={"url": facts.url},
            )
        ]
    version = str(facts.info.get("redis_version", "of unknown version"))
    policy = str(facts.info.get("maxmemory_policy", "noeviction"))
    evicts = policy != "noeviction"
    found = [Finding("redis", "ok", "redis", f"Redis {version} at {facts.url}", numbers={"version": version})]
    if _older(version):
        found.append(
            Finding(
                "redis_old",
                "warning",
                "redis",
                f"Redis at {facts.url} is {version}.",
                "Vedette is tested with 6.2 and newer; older ones lack commands that it uses.",
                "Upgrade Redis to 6.2 or newer.",
                numbers={"version": version},
            )
        )
    if evicts:
        found.append(
            Finding(
                "redis_evicts",
                "warning",
                "redis",
                f"Redis at {facts.url} has maxmemory-policy {policy}.",
                "When it is full it throws keys away, and with them tasks and results.",
                "redis-cli config set maxmemory-policy noeviction, and in redis.conf.",
                numbers={"policy": policy, "maxmemory_bytes": facts.info.get("maxmemory")},
            )
        )
    if str(facts.info.get("aof_enabled", "1")) == "0":
        found.append(
            Finding(
                "redis_not_durable",
                "note",
                "redis",
                "appendonly is off",
                "A Redis that crashes forgets the jobs since its last snapshot.",
                "redis-cli config set appendonly yes, and in redis.conf.",
            )
        )
    return found


def _older(version: str) -> bool:
    parts = version.split(".")[:2]
    return all(part.isdigit() for part in parts) and tuple(map(int, parts)) < _OLDEST
