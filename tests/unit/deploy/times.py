"""How long a process may take to end after SIGTERM, from the code that decides it. Every grace period is longer."""

from typing import Final

from producer.gateway.serve import _GRACE_S
from workers.images.remote import FetchLimits
from workers.patience import PATIENCE_S

#: A batch takes seconds; its slowest image, as long as a host may take to send it. Then a slot has a minute of patience
#: with a Redis that is away, and the main process ends.
WORKER_S: Final = FetchLimits.total_s + PATIENCE_S + 10
#: Streams are cut after that.
GATEWAY_S: Final = float(_GRACE_S)
