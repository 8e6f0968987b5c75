"""uvicorn, with the limits that are its own business, and where it may listen."""

import logging
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.config import LOGGING_CONFIG

from contract.addresses import is_loopback
from contract.errors import SettingsError
from producer.gateway.limits import Limits

#: Streams that run on are cut after that; their readers come back with a cursor.
_GRACE_S: Final = 5
_KEEP_ALIVE_S: Final = 30


def check_listening(host: str, *, guarded: bool, insecure: bool) -> None:
    """SettingsError for an address that others can reach, when anybody there could submit jobs."""
    if guarded or insecure or is_loopback(host):
        return
    raise SettingsError(
        f"--host {host}: others could reach the gateway there, and nobody needs a key. Name a file of keys in "
        "VEDETTE_API_KEYS_FILE, or say --insecure when the network keeps strangers away."
    )


def server(app: FastAPI, host: str, port: int, limits: Limits | None = None) -> uvicorn.Server:
    """Not running yet. Addresses that a proxy tells are not believed: nothing here depends on them."""
    limits = limits or Limits()
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="h11",  # bounds a header that never ends; httptools does not
            h11_max_incomplete_event_size=limits.header_bytes,
            ws="none",
            proxy_headers=False,
            server_header=False,
            log_config=None
            if logging.getLogger().handlers
            else LOGGING_CONFIG,  # what the process has set up, if it has
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
