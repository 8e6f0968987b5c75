"""The fleet as an operator sees it: who is there, what waits, who serves it, what it would take to be done in time.

reading.py   Redis → Facts      the only I/O
facts.py     Facts              what was read, as it is there
view.py      Facts → FleetView  what `vedette fleet --json` and GET /v1/fleet tell
rates.py     Facts → images/s of a model on a class of workers, and how that is known
plan.py      Facts → Plan       what `vedette fleet --plan` tells
"""

from producer.fleet.facts import Facts, Worker
from producer.fleet.reading import read_facts
from producer.fleet.view import FleetView, ModelWork, QueueWork, WorkerState, view_of

__all__ = ["Facts", "FleetView", "ModelWork", "QueueWork", "Worker", "WorkerState", "read_facts", "view_of"]
