"""One POST to a host that is allowed, and to nowhere else.

As `workers.images.remote` has it: the name is resolved once, every address that it has is judged, and the connection
goes to one that was judged. Redirects are not followed, and nothing of the environment counts but OpenSSL's own
SSL_CERT_FILE. On the event loop, so that the time of the whole bounds each byte; h11 reads the answer, and bounds it.
"""

import asyncio
import functools
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import h11

from contract.addresses import Address, parse_address
from contract.reference_policy import Policy, check_address, check_reference
from contract.references import HttpReference, ReferenceRefused
from producer.webhooks.step import Answered, Outcome, Unanswered

_CONNECT_S: Final = 5.0
_HEADER_BYTES: Final = 16 * 1024
_CHUNK_BYTES: Final = 16 * 1024


class _NoAnswer(Exception):
    pass


async def post(
    reference: HttpReference, policy: Policy, headers: Mapping[str, str], body: bytes, within_s: float
) -> Outcome:
    """The status of the answer, whose body nobody reads, or why there is none after `within_s` at most."""
    try:
        async with asyncio.timeout(within_s):
            check_reference(reference, policy)
            addresses = await _resolve(reference)
            for address in addresses:
                check_address(address, reference, policy)
            return await _exchange(reference, addresses, headers, body)
    except TimeoutError:
        return Unanswered(f"no answer in {within_s:g} s")
    except (ReferenceRefused, _NoAnswer) as error:
        return Unanswered(str(error))
    except ssl.SSLCertVerificationError as error:
        return Unanswered(f"no trusted TLS connection: {error.verify_message}")
    except ConnectionRefusedError:
        return Unanswered("its host refuses connections")
    except h11.RemoteProtocolError:  # which quotes it: what else speaks there is not for whoever named the address
        return Unanswered("its answer is no HTTP")
    except OSError as error:
        return Unanswered(f"the connection broke ({type(error).__name__})")


async def _resolve(reference: HttpReference) -> Sequence[Address]:
    literal = parse_address(reference.host)
    if literal is not None:
        return [literal]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(reference.host, reference.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise _NoAnswer("the name of its host is not known (DNS)") from None
    addresses = [parse_address(str(entry[4][0])) for entry in found]
    if not addresses or None in addresses:
        raise _NoAnswer("its host has no address")
    return list(dict.fromkeys(address for address in addresses if address is not None))


async def _exchange(
    reference: HttpReference, addresses: Sequence[Address], headers: Mapping[str, str], body: bytes
) -> Answered:
    reader, writer = await _connect(reference, addresses)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADER_BYTES)
        sent = {"Host": reference.authority, "Content-Length": str(len(body)), "Connection": "close", **headers}
        for part in (
            h11.Request(method="POST", target=reference.target, headers=[*sent.items()]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            writer.write(connection.send(part) or b"")
        await writer.drain()
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                told = dict(event.headers).get(b"retry-after")
                return Answered(event.status_code, None if told is None else told.decode("latin-1"))
            if event is h11.NEED_DATA:
                data = await reader.read(_CHUNK_BYTES)
                if not data:
                    raise _NoAnswer("the connection was closed without an answer")
                connection.receive_data(data)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def _connect(
    reference: HttpReference, addresses: Sequence[Address]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the first address that takes the connection; never by name."""
    secure = reference.scheme == "https"
    context, name = (_tls(os.environ.get("SSL_CERT_FILE")), reference.host) if secure else (None, None)
    for place, address in enumerate(addresses, 1):
        try:
            async with asyncio.timeout(_CONNECT_S):
                return await asyncio.open_connection(str(address), reference.port, ssl=context, server_hostname=name)
        except (OSError, TimeoutError):
            if place == len(addresses):
                raise
    raise AssertionError("a host has an address, or was not resolved")


@functools.cache
def _tls(_authorities: str | None) -> ssl.SSLContext:
    """OpenSSL reads that variable itself."""
    return ssl.create_default_context()
