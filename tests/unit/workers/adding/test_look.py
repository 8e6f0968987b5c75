"""What the end of the process that tried a model means."""

import pytest

from contract.errors import ModelBroken, SignatureUnknown
from contract.memory import GIB
from contract.model_io import DEFAULT_OUTPUTS, Signature
from workers.adding.look import conclude
from workers.adding.protocol import Answer, Look, Request
from workers.isolation import Ending
from workers.isolation.raised import Raised
from workers.memory.death import Death

REQUEST = Request(directory="/models/m", name="m", version="1", threads=2, budget_bytes=4 * GIB)
LOOK = Look(
    form="od-api",
    signature=Signature(),
    outputs=DEFAULT_OUTPUTS,
    first_class=1,
    class_count=None,
    labels=None,
    table="",
    notes=(),
    rows=3,
    best_score=0.9,
    class_ids=(1,),
)


def ending(answer=None, **fields) -> Ending:
    said = answer if isinstance(answer, bytes) else b"" if answer is None else answer.model_dump_json().encode()
    death = Death("crash", "SIGSEGV")
    return Ending(**{
        "exit_code": 0, "ended_for": "", "answer": said, "stderr_tail": "", "peak_bytes": GIB, "death": death, **fields
    })  # fmt: skip


def raised(code="", text="what was wrong", verdict="model") -> Answer:
    return Answer(raised=Raised(verdict=verdict, code=code, text=text))


def test_a_model_that_ran_is_what_was_seen_of_it():
    assert conclude(REQUEST, ending(Answer(look=LOOK)), 900) == LOOK


@pytest.mark.parametrize(
    ("ended", "kind", "says"),
    [
        (ending(raised("signature_unknown")), SignatureUnknown, "what was wrong"),
        (ending(raised("model_broken")), ModelBroken, "what was wrong"),
        (ending(raised(text="InvalidArgumentError: x")), ModelBroken, "m@1: a trial run failed: InvalidArgumentError"),
        (ending(raised(verdict="memory")), ModelBroken, "needs more memory than the 4.0 GiB"),
        (ending(exit_code=-9, ended_for="budget"), ModelBroken, "needs more memory than the 4.0 GiB"),
        (ending(exit_code=-9, ended_for="machine"), ModelBroken, "(1.0 GiB seen). Add it on a larger machine"),
        (ending(exit_code=-9, ended_for="time"), ModelBroken, "not done after 900 s"),
        (ending(exit_code=-11, stderr_tail="a\nF check failed\n"), ModelBroken, "SIGSEGV. Its last words: F check"),
        (ending(exit_code=0, answer=b'{"look": {'), ModelBroken, "the process that tried it was ended"),
    ],
)
def test_every_other_end_is_one_clear_error(ended, kind, says):
    with pytest.raises(kind) as error:
        conclude(REQUEST, ended, 900)

    assert says in str(error.value)
