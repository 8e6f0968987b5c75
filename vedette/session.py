"""What the group's options say, handed to every subcommand as `ctx.obj`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from producer import Client


@dataclass(frozen=True)
class Session:
    #: None: the setting VEDETTE_REDIS_URL, or its default.
    redis_url: str | None = None

    def client(self) -> "Client":
        from producer import Client  # here, for `vedette --help` makes a session too

        return Client(self.redis_url)
