"""A whole Vedette on one machine: Redis, workers, Flower. For trying out and for `vedette demo`; not for production.

stack.py      what runs, in which order it starts and stops
services.py   how each kind of service is started, and how it says that it is ready
process.py    one child process: started, watched, ended
"""

from vedette.stack.errors import StackFailed
from vedette.stack.services import WorkerPlan
from vedette.stack.stack import Stack

__all__ = ["Stack", "StackFailed", "WorkerPlan"]
