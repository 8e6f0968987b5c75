"""The Lua files beside this module, as callables of redis-py."""

from functools import cached_property
from importlib import resources

import redis
from redis.commands.core import Script


class Scripts:
    """Loaded once per client; redis-py calls them by digest and reloads them after a Redis restart."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def _load(self, name: str, *steps: str) -> Script:
        """`steps` are other files, which this one calls as functions of KEYS and ARGV."""
        functions = [f"local function {step}(KEYS, ARGV)\n{_text(step)}\nend\n" for step in steps]
        return self._redis.register_script("".join(functions) + _text(name))

    @cached_property
    def submit_job(self) -> Script:
        return self._load("submit_job", "create_job", "add_task", "seal_job")

    @cached_property
    def create_job(self) -> Script:
        return self._load("create_job")

    @cached_property
    def add_task(self) -> Script:
        return self._load("add_task")

    @cached_property
    def seal_job(self) -> Script:
        return self._load("seal_job")

    @cached_property
    def claim(self) -> Script:
        return self._load("claim")

    @cached_property
    def claim_together(self) -> Script:
        return self._load("claim_together")

    @cached_property
    def renew(self) -> Script:
        return self._load("renew")

    @cached_property
    def record(self) -> Script:
        return self._load("record")

    @cached_property
    def close(self) -> Script:
        return self._load("close")

    @cached_property
    def record_last(self) -> Script:
        return self._load("record_last", "record", "close")

    @cached_property
    def cancel_job(self) -> Script:
        return self._load("cancel_job")

    @cached_property
    def revive(self) -> Script:
        return self._load("revive")

    @cached_property
    def expired(self) -> Script:
        return self._load("expired")

    @cached_property
    def silent(self) -> Script:
        return self._load("silent")

    @cached_property
    def keep(self) -> Script:
        return self._load("keep")

    @cached_property
    def keep_uploads(self) -> Script:
        return self._load("keep_uploads")

    @cached_property
    def put_blob(self) -> Script:
        return self._load("put_blob")

    @cached_property
    def renew_blobs(self) -> Script:
        return self._load("renew_blobs")

    @cached_property
    def release_blobs(self) -> Script:
        return self._load("release_blobs")

    @cached_property
    def take_notices(self) -> Script:
        return self._load("take_notices")

    @cached_property
    def settle_notice(self) -> Script:
        return self._load("settle_notice")

    @cached_property
    def rung(self) -> Script:
        return self._load("rung")


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
