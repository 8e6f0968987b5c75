"""Which IP addresses a worker may connect to on behalf of somebody else's reference. Pure.

Public ones. What is inside (loopback, link-local with the clouds' metadata services, private networks, …) only where
the operator listed it. Forms that carry an IPv4 address in an IPv6 one are judged by what they carry, for a router or
the kernel will unwrap them.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

#: What `ipaddress` calls public, of Python 3.11 at least: protocol assignments with Oracle's metadata service
#: (192.0.0.192), 6to4 relays, and Azure's WireServer and metadata, which its own host answers.
_INSIDE: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
#: All that is handed out for the Internet. Outside it: also a site's own NAT64 (RFC 8215), IPv4-compatible addresses.
_IPV6_PUBLIC: Final = ipaddress.IPv6Network("2000::/3")
#: RFC 6052: the last 32 bits are the IPv4 address that is meant.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_6TO4: Final = ipaddress.IPv6Network("2002::/16")


def parse_address(text: str) -> Address | None:
    """None for what is no address in its usual spelling: `127.1`, `0x7f000001` and `010.0.0.1` are none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def parse_network(text: str) -> Network:
    """`10.2.0.0/16`, `fd00:7::/64`, or one address; ValueError says what was expected."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network ({error}); expected for example 10.2.0.0/16") from None


def is_loopback(host: str) -> bool:
    """Of an address to listen at. A name other than localhost may mean anything tomorrow."""
    address = parse_address(host)
    return host == "localhost" if address is None else address.is_loopback


def why_closed(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """What `address` is, when it may not be connected to: `loopback`, `private`, …; None when it may."""
    for meant in _meant_by(address):
        kind = _kind(meant)
        if kind is not None and not _within(meant, allowed):
            return kind if meant == address else f"{kind}, as {meant}"
    return None


def _meant_by(address: Address) -> Iterator[Address]:
    """The addresses that a packet to `address` may end up at."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    carried = [*(address.teredo or ())]
    if address.sixtofour is not None:
        carried.append(address.sixtofour)
    if address in _NAT64:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _NAT64 and address not in _6TO4:
        yield address
    yield from carried


def _kind(address: Address) -> str | None:
    if address.is_unspecified:
        return "unspecified"
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if address.is_private or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local):
        return "private"
    if address.is_reserved or not address.is_global or _within(address, _INSIDE):
        return "reserved"
    return None if address.version == 4 or address in _IPV6_PUBLIC else "reserved"


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
