"""Which address may be told of the end of a job. Pure: nothing is resolved, the deliverer does that, and counts.

Whoever may name an address can make the gateway speak to what only it can reach, so hosts are judged as those of images
are (`contract.reference_policy`), by lists of their own: none is open until VEDETTE_WEBHOOK_HOSTS lists it.
"""

from typing import Final

from contract.errors import WebhookRefused
from contract.reference_policy import Policy, check_reference
from contract.references import HttpReference, ReferenceRefused, parse_reference
from contract.urls import shown_address

LENGTH_MAX: Final = 2048
_EXPECTED: Final = "expected an address such as https://host/path"


def webhook_reference(url: str, policy: Policy) -> HttpReference:
    """`url` in its parts, if `policy` opens it; WebhookRefused names the reason, as ReferenceRefused does."""
    if not isinstance(url, str):
        raise WebhookRefused(f"webhook {url!r:.200} is refused (spelling): {_EXPECTED}")
    if len(url) > LENGTH_MAX:
        raise WebhookRefused(
            f"webhook {shown_address(url)!r:.100} is refused (length): it has {len(url)} characters, the limit is "
            f"{LENGTH_MAX}"
        )
    try:
        reference = parse_reference(url)
        if not isinstance(reference, HttpReference):
            raise ReferenceRefused("scheme", url, _EXPECTED)
        check_reference(reference, policy)
    except ReferenceRefused as refusal:
        if refusal.reason == "scheme" or "://" not in url:  # what is expected of an image is told otherwise
            refusal = ReferenceRefused(refusal.reason, url, _EXPECTED)
        raise WebhookRefused(f"webhook {refusal}") from None
    return reference


def check_webhook(url: str | None, policy: Policy) -> str | None:
    """The one spelling of `url`; None stays None, which means that nobody is to be told."""
    return None if url is None else webhook_reference(url, policy).uri
