"""What can go wrong while a stack is brought up."""

from contract.errors import VedetteError


class StackFailed(VedetteError):
    """A service did not start, or ended by itself. The message has the end of its log."""

    code = "stack_failed"
