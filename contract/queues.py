"""Queue name ↔ requirement: the only place that knows the spelling.

    detect.<cpu level>.<memory tier>[+feature…]

such as detect.x86_64_v3.4g, detect.any.1g and detect.x86_64_v4.8g+avx512_vnni.

Features are sorted, so that one requirement has one name.
"""

import re
from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError

from contract.capability import ANY_CPU, Capability, Requirement, satisfies
from contract.errors import QueueNameError
from contract.memory import parse_tier, tier_name

_NAME: Final = re.compile(r"^detect\.(?P<level>[a-z0-9_.]+)\.(?P<tier>\d+[mg])(?P<features>(?:\+[a-z0-9_]+)*)$")


def queue_name(requirement: Requirement) -> str:
    features = "".join(f"+{name}" for name in sorted(requirement.cpu_features))
    return f"detect.{requirement.cpu_level}.{tier_name(requirement.memory_bytes)}{features}"


def requirement_of(queue: str) -> Requirement:
    """The requirement that a queue name spells; QueueNameError for any other string."""
    match = _NAME.match(queue)
    if match is None:
        raise QueueNameError(f"{queue!r} is no queue of Vedette; one looks like detect.x86_64_v3.4g or detect.any.1g")
    try:
        requirement = Requirement(
            cpu_level=match["level"],
            memory_bytes=parse_tier(match["tier"]),
            cpu_features=frozenset(filter(None, match["features"].split("+"))),
        )
    except (ValueError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise QueueNameError(f"{queue!r} is no queue of Vedette: {reason.removeprefix('Value error, ')}") from error
    if queue_name(requirement) != queue:
        raise QueueNameError(f"{queue!r} is no queue of Vedette: it is spelled {queue_name(requirement)!r}")
    return requirement


def is_queue(name: str) -> bool:
    try:
        requirement_of(name)
    except QueueNameError:
        return False
    return True


def serveable(queues: Iterable[str], capability: Capability) -> list[str]:
    """The queues that a worker of this capability may serve, in the order it should take work.

    Largest tier first: only big machines can take big work, so they look there before they help the small ones.
    Within a tier, queues that ask more of the CPU come first, for the same reason.
    """
    requirements = [(name, requirement_of(name)) for name in queues if is_queue(name)]
    fitting = [(name, need) for name, need in requirements if satisfies(capability, need)]
    return [name for name, need in sorted(fitting, key=most_demanding_first)]


def most_demanding_first(item: tuple[str, Requirement]) -> tuple[int, int, bool, str]:
    """Key of (name, requirement) pairs: the order in which workers take work."""
    name, need = item
    return -need.memory_bytes, -len(need.cpu_features), need.cpu_level == ANY_CPU, name
