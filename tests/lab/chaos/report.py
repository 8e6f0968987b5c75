"""The tally and what is wrong, as text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import redis

from contract import keys
from contract.ledger import Ledger
from tests.lab.chaos.tally import Tally, Wrong

#: Enough to understand one; the rest is usually the same again.
_WRONGS_SHOWN: Final = 20


def table(
    tally: Tally,
    *,
    struck: Mapping[str, int],
    refused_submissions: int,
    refused_messages: Mapping[str, int],
    keys_without_lifetime: int,
    starts: Mapping[str, int],
    seconds: tuple[float, float],
) -> str:
    """Rows that must be 0 stand last."""
    rows: list[tuple[str, object]] = [
        ("faults for, then until all was done", f"{seconds[0]:.0f} s, {seconds[1]:.0f} s"),
        *(_rows("faults", struck)),
        *(_rows("starts of worker", starts)),
        ("submissions refused", refused_submissions),
        *(_rows("messages refused", refused_messages)),
        *(_rows("attempts", tally.attempts)),
        ("jobs submitted", tally.jobs),
        ("images submitted", tally.submitted),
        *(_rows("results", tally.results)),
        *(_rows("dead letters", tally.dead_letters)),
        ("images lost", tally.lost),
        ("images recorded twice", tally.twice),
        ("other wrongs", len(tally.wrong) - tally.lost - tally.twice),
        ("keys without a lifetime", keys_without_lifetime),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def _rows(title: str, counts: Mapping[str, int]) -> Iterable[tuple[str, object]]:
    yield title, sum(counts.values())
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"    {name}", count


def explain(wrongs: Sequence[Wrong], ledger: Ledger, client: redis.Redis) -> str:
    """Each with its task's state and history."""
    texts = [_explain(wrong, ledger, client) for wrong in wrongs[:_WRONGS_SHOWN]]
    if len(wrongs) > _WRONGS_SHOWN:
        texts.append(f"… and {len(wrongs) - _WRONGS_SHOWN} more")
    return "\n".join(texts)


def _explain(wrong: Wrong, ledger: Ledger, client: redis.Redis) -> str:
    lines = [f"job {wrong.job} {'' if wrong.index is None else f'image {wrong.index} '}{wrong.what}"]
    for task_id in ledger.tasks(wrong.job):
        left = [image.index for image in ledger.images_left(task_id)]
        if wrong.index is not None and wrong.index not in left:
            continue
        task = ledger.task(task_id)
        lease = client.zscore(keys.LEASES, task_id)
        bell = client.zscore(keys.bells(task.queue), task_id) if task is not None else None
        lines.append(f"  {task}")
        lines.append(f"  left {left}, lease until {lease}, bell rung {bell}, Redis' clock {client.time()}")
        lines += [f"    {attempt.model_dump_json()}" for attempt in ledger.history(task_id)]
    return "\n".join(lines)
