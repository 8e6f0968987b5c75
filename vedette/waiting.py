"""Why a job does not move, in a line: the headline of `vedette why`, which says more."""

from typing import Final

from producer import Client
from producer.why import Code

#: It waits for its turn, or is at it: for whoever watches, that is no news.
_ITS_TURN: Final[frozenset[Code]] = frozenset({"joining", "busy", "behind", "running", "soon", "unsealed"})


def why_waiting(client: Client, job_id: str, *, in_turn: bool = False) -> str | None:
    """None when it does not wait; unless `in_turn`, also when it only waits for its turn."""
    told = client.why(job_id)
    if told.state != "waiting" or (told.reasons[0].code in _ITS_TURN and not in_turn):
        return None
    return f"{told.headline} (more: vedette why {job_id})"
