"""A dead letter as one line of JSON, for `vedette dead list|show --json`."""

import json
from collections.abc import Sequence

from producer import Attempt, DeadLetter


def letter_json(letter: DeadLetter, history: Sequence[Attempt] | None = None) -> str:
    """`attempts` counts them; `history`, when given, has each, oldest first."""
    fields = {
        "image": letter.image.name,
        "index": letter.index,
        "uri": letter.image.uri,
        "code": letter.failure.code,
        "message": letter.failure.message,
        "attempts": letter.result.attempts,
        "worker": letter.result.worker,
        "task": letter.task,
    }
    if history is not None:
        fields["history"] = [attempt.model_dump(mode="json") for attempt in history]
    return json.dumps(fields, ensure_ascii=False)
