"""Who may use Flower. Whoever reaches it sees every task; unless it is read-only, they may stop workers too. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.addresses import is_loopback


@dataclass(frozen=True)
class Doors:
    """Flower's options that are about access, as it will use them."""

    #: "": every address of the machine.
    address: str
    #: "": there is none.
    unix_socket: str = ""
    #: `user:password`, each.
    basic_auth: Sequence[str] = ()
    #: Who may come in by a provider, as a pattern of e-mail addresses; "": none.
    auth: str = ""
    auth_provider: str = ""


def flaw_of(doors: Doors, *, insecure: bool) -> str | None:
    """Why Flower should not start like that, and what to do; None when it may."""
    for credential in doors.basic_auth:
        user, _, password = credential.partition(":")
        if not (user and password):
            return (
                "--basic-auth (FLOWER_BASIC_AUTH): expected USER:PASSWORD, both of them, and several separated by ','"
            )
    if doors.auth and not doors.auth_provider:
        return "--auth (FLOWER_AUTH): name the provider too, in --auth-provider (FLOWER_AUTH_PROVIDER)"
    guarded = bool(doors.basic_auth or doors.auth)
    if guarded or insecure or doors.unix_socket or is_loopback(doors.address):
        return None
    shown = doors.address or "''"
    return (
        f"--address {shown}: others could reach Flower there, and nobody needs a password. Say FLOWER_BASIC_AUTH="
        "USER:PASSWORD or FLOWER_AUTH with FLOWER_AUTH_PROVIDER, or --insecure when the network keeps strangers away."
    )
