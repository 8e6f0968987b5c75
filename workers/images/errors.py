"""An image that cannot be used. Its neighbours are not affected: it becomes that image's failure."""

from contract.errors import VedetteError
from contract.messages import Failure, FailureCode


class ImageError(VedetteError):
    code = "image"

    def __init__(self, failure_code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code=failure_code, message=message)
