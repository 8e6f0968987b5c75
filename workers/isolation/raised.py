"""An exception that an isolated process met, as it travels to its parent."""

from pydantic import BaseModel, ConfigDict

from contract.errors import VedetteError
from contract.ledger.records import Verdict
from workers.verdict import describe_error, verdict_of


class Raised(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    #: `memory`, or `model` for everything else.
    verdict: Verdict
    #: The stable code of a VedetteError; "" for another exception.
    code: str = ""
    text: str


def raised(error: Exception) -> Raised:
    if isinstance(error, VedetteError):
        return Raised(verdict="model", code=error.code, text=str(error))
    return Raised(verdict=verdict_of(error), text=describe_error(error))
