"""Flower does not start where strangers could stop workers."""

import pytest

from workers.flower.access import Doors, flaw_of


@pytest.mark.parametrize(
    "doors",
    [
        Doors("127.0.0.1"),
        Doors("localhost"),
        Doors("::1"),
        Doors("", unix_socket="/run/flower.sock"),
        Doors("0.0.0.0", basic_auth=("ana:long-enough", "bo:another")),
        Doors("0.0.0.0", auth=r".*@example\.org", auth_provider="flower.views.auth.GoogleAuth2LoginHandler"),
    ],
)
def test_where_nobody_else_can_reach_it_or_a_password_is_needed_it_starts(doors):
    assert flaw_of(doors, insecure=False) is None


@pytest.mark.parametrize(
    ("doors", "flaw"),
    [
        (Doors(""), "--address '': others could reach Flower there"),
        (Doors("0.0.0.0"), "--address 0.0.0.0: others could reach Flower there"),
        (Doors("flower.example.org"), "--address flower.example.org: others could"),
        (Doors("0.0.0.0", basic_auth=("",)), "expected USER:PASSWORD"),  # an empty variable is one empty credential
        (Doors("0.0.0.0", basic_auth=("ana:",)), "expected USER:PASSWORD"),
        (Doors("0.0.0.0", basic_auth=("ana:good", "bo")), "expected USER:PASSWORD"),
        (Doors("0.0.0.0", auth=".*@example.org"), "name the provider too"),
    ],
)
def test_else_it_says_what_to_do(doors, flaw):
    assert flaw in (flaw_of(doors, insecure=False) or "")


def test_insecure_opens_it_and_forgives_no_broken_password():
    assert flaw_of(Doors("0.0.0.0"), insecure=True) is None
    assert flaw_of(Doors("0.0.0.0", basic_auth=("ana:",)), insecure=True) is not None


def test_a_flaw_never_shows_the_password():
    assert "hush" not in str(flaw_of(Doors("0.0.0.0", basic_auth=(":hush",)), insecure=False))
