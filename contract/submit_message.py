"""The task `vedette.submit`, for producers in any language that has a Celery client: what is asked, what is answered.

The caller chooses the job's id. So it knows where the answer and the results will be, and a message that is sent twice
submits once. docs/protocol.md has the fields, and an example that a test sends with a client for Node.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from contract.messages import Identifier, ImageRef, JobOptions, Message
from contract.references import looks_like_address

#: The task's name, and that of the queue that it is sent to.
SUBMIT_TASK: Final = "vedette.submit"
#: Of one message, which a worker reads as a whole.
SUBMIT_IMAGES_MAX: Final = 10_000


def _speakable(text: str) -> str:
    """JSON can spell halves of characters, which nobody can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected text that UTF-8 can carry") from None
    return text


def _place(text: str) -> str:
    """Which addresses are open, the settings of workers say."""
    if "\0" in text or not (text.startswith("/") or looks_like_address(text)):
        raise ValueError("expected an absolute path, or an address such as https://host/a.jpg")
    return text


Text = Annotated[str, Field(min_length=1), AfterValidator(_speakable)]
Place = Annotated[str, AfterValidator(_speakable), AfterValidator(_place)]


class SubmitImage(Message):
    """One image: its place, and what to call it in the results. A bare string is both."""

    uri: Place
    name: Text

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        if isinstance(value, str):
            return {"uri": value, "name": value}
        return {"name": value.get("uri"), **value} if isinstance(value, dict) else value


class SubmitWebhook(Message):
    """Who is told when the job has ended. Which hosts are open, the settings of workers say."""

    url: Text


class SubmitMessage(Message):
    """Keyword arguments of the Celery task `vedette.submit`. They mean what those of the Python `Client.submit` do."""

    v: Literal[1] = 1
    job: Identifier
    model: Text
    images: list[SubmitImage] = Field(min_length=1, max_length=SUBMIT_IMAGES_MAX)
    batch_size: Annotated[int, Field(ge=1, le=4096)] | None = None
    min_score: float = Field(default=0.5, ge=0, le=1)
    allow_waiting: bool = False
    allow_degraded: bool = False
    max_failure_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    webhook: SubmitWebhook | None = None
    exact: bool = False

    def refs(self) -> list[ImageRef]:
        return [ImageRef(index=index, name=image.name, uri=image.uri) for index, image in enumerate(self.images)]


class Submission(BaseModel):
    """The answer, at `vedette:submission:<job>`. Readers pass over fields that they don't know.

    `begun` is there for a moment, or until a worker goes on where another one died: as it was planned then.
    """

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    state: Literal["begun", "accepted", "rejected"]
    #: Celery's id of the message that is answered.
    id: str
    #: What was chosen; None when rejected.
    options: JobOptions | None = None
    queue: str | None = None
    images: int | None = None
    #: Images in each task.
    task_images: int | None = None
    #: Why it was rejected: an error code, and what to do about it.
    code: str | None = None
    message: str | None = None
