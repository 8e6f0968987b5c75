"""Prove, before a worker takes work, that NumPy, OpenCV and TensorFlow import and run an op on this machine.

    child.py      the proof: a process of its own, because most failures kill it
    evidence.py   what was seen of the child
    run.py        starts the child and collects the evidence: the only I/O
    diagnose.py   evidence -> healthy, or what was seen, why, and what to do
    symptoms.py   the texts and signals by which a failure is known

The child imports nothing of this, and of Vedette nothing at all: it must not fail for another reason than its own.
"""

from workers.preflight.diagnose import Diagnosis, format_diagnosis
from workers.preflight.errors import PreflightFailed
from workers.preflight.run import run_preflight

__all__ = ["Diagnosis", "PreflightFailed", "format_diagnosis", "run_preflight"]
