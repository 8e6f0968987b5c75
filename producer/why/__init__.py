"""Why a job, a task or a model waits, or what became of it: the answer at 3 a.m.

reading.py      Redis → Facts              the only I/O, a fixed number of round trips
answers_read.py answers of Redis           what each of them says
facts.py        Facts                      what was read, as it is there
fleet.py        Facts → list[Reason]       who could take a queue's work, and why nobody does
models.py       Facts → list[Reason]       whether the fleet has the model
reasons.py      Facts → list[Reason]       everything else, and what is the most important
answer.py       Facts → Answer             what `vedette why --json` and GET /v1/jobs/{id}/why tell
"""

from producer.why.answer import Answer, answer
from producer.why.facts import Facts
from producer.why.reading import read_facts
from producer.why.reasons import Code, Reason, reasons

__all__ = ["Answer", "Code", "Facts", "Reason", "answer", "read_facts", "reasons"]
