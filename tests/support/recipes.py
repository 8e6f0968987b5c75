"""The Redis users of docs/operations.md: created exactly as the document says."""

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import redis

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def access_recipes() -> dict[str, list[str]]:
    """User to the words of its `ACL SETUSER` command, as a shell reads them."""
    text = OPERATIONS.read_text(encoding="utf-8")
    section = text[text.index("\n### Access\n") :]
    (block,) = re.findall(r"^```sh\n(.*?)^```$", section[: section.index("\n### ", 1)], re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line) for line in block.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    commands = [line[1:] for line in lines if line[:3] == ["redis-cli", "ACL", "SETUSER"]]
    assert len(commands) == len(lines), f"{OPERATIONS}: a line under Access is no redis-cli ACL SETUSER"
    return {words[2]: words for words in commands}


def make_users(client: redis.Redis) -> None:
    for words in access_recipes().values():
        client.execute_command(*words)


def url_of(user: str, redis_url: str) -> str:
    """The address of a Redis for one of the users, with the password of its recipe."""
    (password,) = [word[1:] for word in access_recipes()[user] if word.startswith(">")]
    parts = urlsplit(redis_url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc}"))
