import pytest

from contract.addresses import parse_address, parse_network, why_closed


def closed(text: str, *allowed: str) -> str | None:
    address = parse_address(text)
    assert address is not None
    return why_closed(address, [parse_network(network) for network in allowed])


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "192.30.255.113"]
)
def test_what_is_public_is_open_also_as_what_it_is_carried_by(text: str) -> None:
    assert closed(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("0.1.2.3", "private"),
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("192.0.0.192", "reserved"),
        ("198.19.0.1", "private"),
        ("fd00:ec2::254", "private"),
        ("fec0::1", "private"),
        ("100.64.0.1", "reserved"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff05::1", "multicast"),
        ("240.0.0.1", "private"),
        ("168.63.129.16", "reserved"),
        ("::ffff:10.0.0.1", "private, as 10.0.0.1"),
        ("::ffff:168.63.129.16", "reserved, as 168.63.129.16"),
        ("::10.0.0.1", "reserved"),
        ("64:ff9b::10.0.0.1", "private, as 10.0.0.1"),
        ("64:ff9b:1::10.0.0.1", "reserved"),
        ("4000::1", "reserved"),
        ("2002:a00:1::", "private, as 10.0.0.1"),
        ("2001:0:808:808::f5ff:fffe", "private"),
    ],
)
def test_what_is_inside_is_closed(text: str, kind: str) -> None:
    assert closed(text) == kind


def test_a_network_that_is_listed_is_open_and_its_neighbours_are_not() -> None:
    assert closed("10.2.3.4", "10.2.0.0/16") is None
    assert closed("::ffff:10.2.3.4", "10.2.0.0/16") is None
    assert closed("64:ff9b::10.2.3.4", "10.2.0.0/16") is None
    assert closed("fd00:7::1", "10.2.0.0/16", "fd00:7::/64") is None
    assert closed("10.3.0.1", "10.2.0.0/16") == "private"
    # A network of IPv6 opens nothing of IPv4 that is carried in it
    assert closed("::ffff:10.2.3.4", "::ffff:0:0/96") is not None
    assert closed("64:ff9b::7f00:1", "64:ff9b::/96") is not None


@pytest.mark.parametrize("text", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "localhost", ""])
def test_odd_spellings_are_no_addresses(text: str) -> None:
    assert parse_address(text) is None
