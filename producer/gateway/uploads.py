"""Images that come with the request instead of being named in it.

`Backend.store_upload` takes their bytes and gives a reference; without it every upload is refused, and references work.
"""

import json
from functools import partial
from typing import Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from producer.errors import InvalidArgument
from producer.gateway import threads
from producer.gateway.backend import Backend
from producer.gateway.body_kinds import FORM, media_type
from producer.gateway.errors import flaws
from producer.gateway.schemas import NamedImage

AnyRequest = TypeVar("AnyRequest", bound=BaseModel)

#: Fields of a request that are numbers or truths, where only text can be said: in a query or a form.
_READ_AS_JSON: Final = frozenset({"min_score", "allow_degraded", "exact"})


async def image_of(http: Request, asked: Backend, kind: type[AnyRequest]) -> AnyRequest:
    """The request: JSON that names an image, or an image with the other fields in the query or the form."""
    sent = media_type(http.headers)
    if sent.startswith("image/") or sent == "application/octet-stream":
        asked.check_uploads()
        fields = {name: value for name, value in http.query_params.items() if name in kind.model_fields}
        return await _stored(asked, kind, fields, "upload", await http.body())
    if sent == FORM:
        asked.check_uploads()
        async with http.form(max_files=1, max_fields=10) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            part = form.get("image")
            if not isinstance(part, UploadFile):
                raise InvalidArgument("image: expected a part of the form with this name that has a file")
            return await _stored(asked, kind, fields, part.filename or "upload", await part.read())
    return read(kind, await http.body())


def read(kind: type[AnyRequest], body: bytes, where: str = "") -> AnyRequest:
    """InvalidArgument begins with `where`."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise InvalidArgument(where + flaws(dict(item) for item in error.errors())) from None


async def _stored(
    asked: Backend, kind: type[AnyRequest], fields: dict[str, str], name: str, content: bytes
) -> AnyRequest:
    if not content:
        raise InvalidArgument("image: 0 bytes came; expected an image")
    told = {key: value if key not in _READ_AS_JSON else _plain(value) for key, value in fields.items()}
    request = read(kind, json.dumps({**told, "image": {"name": name, "uri": "upload"}}).encode())  # refused: not stored
    uri = await threads.call(partial(asked.store_upload, content))
    return request.model_copy(update={"image": NamedImage(name=name, uri=uri)})


def _plain(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text  # and the error says so
