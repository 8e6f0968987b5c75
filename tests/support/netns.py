"""A machine of its own as the network sees it: a namespace at the end of a cable that can be pulled out.

Nothing but the two ends of that cable knows its addresses, and no packet leaves this machine. Pulled out at the near
end, it loses packets in silence, as a dead switch does: nobody is refused or reset. Needs root; elsewhere tests skip
with the reason that `why_none` gives.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Final

import pytest

#: Networks 10.200.x.0/24, the first that nobody here has.
_NETWORKS: Final = range(1, 255)
_numbers = count()


@dataclass(frozen=True)
class FarMachine:
    #: Of the namespace.
    name: str
    #: Where it reaches this machine.
    host_address: str
    address: str
    _host_end: str
    _far_end: str

    @property
    def prefix(self) -> list[str]:
        """Before a command: it runs there. Unlike `ip netns exec`, this leaves /sys and so its cgroups as they are."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def unplug(self, *, noticed: bool = False) -> None:
        """At this machine's end: what is sent there gets lost. `noticed`, at its own: it is told so at each attempt."""
        if noticed:
            _ip("-n", self.name, "link", "set", self._far_end, "down")
        else:
            _ip("link", "set", self._host_end, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self._host_end, "up")
        _ip("-n", self.name, "link", "set", self._far_end, "up")


@contextmanager
def far_machine() -> Iterator[FarMachine]:
    """Ends with the block, with its cable; end what runs there before. Skips the test where there can be none."""
    reason = why_none()
    if reason is not None:
        pytest.skip(reason)
    number = next(_numbers)
    name, here, there = f"vedette-lab-{os.getpid()}-{number}", *(f"vl{os.getpid()}{end}{number}" for end in "ab")
    network = _free_network()
    far = FarMachine(name, f"{network}.1", f"{network}.2", here, there)
    _ip("netns", "add", name)
    try:
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        _ip("address", "add", f"{far.host_address}/24", "dev", here)
        _ip("-n", name, "address", "add", f"{far.address}/24", "dev", there)
        _ip("-n", name, "link", "set", "lo", "up")
        far.plug_in()
        # Told for good where its neighbour is, for else it would find out within three seconds that nobody answers.
        link_address = _ip("-brief", "link", "show", here).split()[2]
        _ip("-n", name, "neighbour", "replace", far.host_address, "lladdr", link_address, "dev", there)
        yield far
    finally:
        _ip("netns", "delete", name)  # with its end of the cable, and so the other


@cache
def why_none() -> str | None:
    """Why this machine can make no network namespace; None when it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in ("ip", "nsenter") if shutil.which(tool) is None]
    if missing:
        return f"network namespaces need {' and '.join(missing)}"
    probe = f"vedette-lab-{os.getpid()}-probe"
    try:
        _ip("netns", "add", probe)
        try:
            _ip("-n", probe, "link", "add", "here", "type", "veth", "peer", "name", "there")
        finally:
            _ip("netns", "delete", probe)
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made here: {error.stderr.strip()}"
    return None


def _free_network() -> str:
    taken = _ip("-4", "address", "show") + _ip("-4", "route", "show")
    return next(network for x in _NETWORKS if f"{(network := f'10.200.{x}')}." not in taken)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
