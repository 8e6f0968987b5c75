"""Exit codes, and which error or ending has which."""

from typing import TYPE_CHECKING, Final

from contract.errors import NoCapableWorker, VedetteError

if TYPE_CHECKING:
    from contract.ledger import JobStatus

ALL_PROCESSED: Final = 0
NOT_ALL: Final = 1
UNUSABLE: Final = 2  # click's own for wrong usage
NOBODY_CAN: Final = 3
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it


def exit_code_of(error: VedetteError) -> int:
    return NOBODY_CAN if isinstance(error, NoCapableWorker) else UNUSABLE


def exit_code_for(status: "JobStatus") -> int:
    """0 says that every image of the job was processed: not for a cancelled one, nor for one that goes on."""
    return ALL_PROCESSED if status.state == "done" and status.failed == 0 else NOT_ALL
