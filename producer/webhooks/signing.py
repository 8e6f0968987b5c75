"""The headers of https://www.standardwebhooks.com, by which a receiver knows who speaks, when, and of what. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Sequence


def signed_headers(message_id: str, timestamp_s: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """One signature for each secret. `message_id` has no full stop, which separates what is signed."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
