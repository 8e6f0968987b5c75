"""What single answers of Redis say, as facts. Pure; a newer Vedette's is taken as far as it can be read."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from contract.errors import MessageError
from contract.ledger import Attempt
from contract.messages import read_options
from contract.registry import version_order
from contract.submit_message import Submission
from producer.why.facts import RedisFacts, TaskFacts


def submission_in(text: Any) -> Submission | None:
    try:
        return Submission.model_validate_json(text) if text is not None else None
    except ValidationError:
        return None


def options_in(job: Mapping[str, str]) -> tuple[str, str, int]:
    """Model, digest and batch size; nothing of a job that a newer Vedette wrote."""
    try:
        options = read_options(job["options"])
    except MessageError:
        return model_in(job["options"]), "", 0
    return options.model, options.digest, options.batch_size


def model_in(text: str | None) -> str:
    try:
        return str(json.loads(text or "{}").get("model", ""))
    except (ValueError, AttributeError):
        return ""


def model_meant(name: str, seen_models: Mapping[str, float], submission: Submission | None) -> str:
    """`name@version` that `name` means, of those that are known."""
    if submission is not None:
        return submission.options.model if submission.options is not None else ""
    wanted, _, version = name.partition("@")
    versions = [ref for ref in seen_models if ref.partition("@")[0] == wanted]
    if version not in ("", "latest"):
        return name
    return max(versions, key=lambda ref: version_order(ref.partition("@")[2]), default="")


def task_in(task: str, fields: Mapping[str, str], lease_until_s: float | None, more: Sequence[Any] | None) -> TaskFacts:
    images, rung_ms, ahead, history = more if more is not None else (0, None, None, [])
    return TaskFacts(
        task=task,
        state=fields["state"],  # type: ignore[arg-type]  # written by our own Lua
        queue=fields["queue"],
        batch_size=int(fields["batch_size"]),
        attempt=int(fields["attempt"]),
        worker=fields.get("worker"),
        claimed_s=int(fields["claimed_ms"]) / 1000 if fields.get("claimed_ms") else None,
        lease_until_s=lease_until_s,
        images=images,
        rung_s=rung_ms / 1000 if rung_ms is not None else None,
        ahead=ahead,
        attempts=tuple(Attempt.model_validate_json(text) for text in history),
    )


def redis_in(answers: Sequence[Any]) -> RedisFacts | None:
    """None for who may not ask."""
    memory, persistence, replication = answers
    if any(isinstance(answer, Exception) for answer in answers):
        return None
    trouble = ""
    if persistence.get("aof_enabled") and persistence.get("aof_last_write_status") == "err":
        trouble = "its append-only file cannot be written"
    elif persistence.get("rdb_last_bgsave_status") == "err" and persistence.get("rdb_changes_since_last_save"):
        trouble = "its last snapshot could not be written (stop-writes-on-bgsave-error)"
    return RedisFacts(
        used_bytes=int(memory.get("used_memory", 0)),
        max_bytes=int(memory.get("maxmemory", 0)),
        policy=str(memory.get("maxmemory_policy", "")),
        replica=replication.get("role") == "slave",
        disk_trouble=trouble,
    )
