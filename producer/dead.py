"""Which dead letters a caller means. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from contract.ledger import DeadLetter
from producer.arguments import check_images
from producer.errors import InvalidArgument

_NAMED: Final = 5


def letters_of(letters: Sequence[DeadLetter], images: Iterable[str] | None, job_id: str) -> list[DeadLetter]:
    """Those of `images`, as results name them; all when None. InvalidArgument names the images that have none.

    An image that was submitted twice under one name has two letters, and both are meant.
    """
    if images is None:
        return [*letters]
    wanted = {_checked(image) for image in check_images(images)}
    missing = sorted(wanted - {letter.image.name for letter in letters})
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise InvalidArgument(
            f"job {job_id} has no dead letter of {', '.join(map(repr, missing[:_NAMED]))}{more}; "
            f"`vedette dead list {job_id}` shows those that it has"
        )
    return [letter for letter in letters if letter.image.name in wanted]


def _checked(image: Any) -> str:
    if not isinstance(image, str):
        raise InvalidArgument(f"images: {image!r} is no name; expected the `image` of a result")
    return image
