"""The fleet as an operator sees it: who is there, what waits, who serves it, what it would take to be done in time.

reading.py   Redis → Facts      the only I/O
facts.py     Facts              what was read, as it is there
view.py      Facts → FleetView  what `vedette fleet --json` and GET /v1/fleet tell
nobody.py    why no worker serves a queue
plan.py      Facts → Plan       what `vedette fleet --plan` tells: crews.py has the classes of workers, rates.py
                                their speeds and how these are known, flow.py what they come to, advice.py its form
"""

from producer.fleet.advice import ClassPlan, ModelPlan, Plan
from producer.fleet.facts import Facts, Worker
from producer.fleet.plan import plan_of
from producer.fleet.reading import read_counts, read_facts
from producer.fleet.view import FleetView, ModelWork, QueueWork, WorkerState, view_of

__all__ = [
    "ClassPlan",
    "Facts",
    "FleetView",
    "ModelPlan",
    "ModelWork",
    "Plan",
    "QueueWork",
    "Worker",
    "WorkerState",
    "plan_of",
    "read_counts",
    "read_facts",
    "view_of",
]
