"""Counters of models against what they count: every result in Redis, of refused and cancelled jobs too."""

from collections import Counter
from collections.abc import Iterable, Mapping

import redis

from contract import keys
from contract.ledger import Ledger, ModelCounts
from contract.messages import ImageResult


def wrong_counters(client: redis.Redis, ledger: Ledger) -> list[str]:
    """What differs. For a time at which nobody records, and a run in which no dead letter was put back."""
    texts = [text for key in client.scan_iter(keys.job_results("*"), 1000) for text in client.hvals(key)]
    results = [ImageResult.model_validate_json(text) for text in texts]
    return differences(results, ledger.counts(sorted({result.model for result in results})))


def differences(results: Iterable[ImageResult], counts: Mapping[str, ModelCounts]) -> list[str]:
    found: dict[str, Counter[str]] = {}
    codes: dict[str, Counter[str]] = {}
    for result in results:
        outcome = "succeeded" if result.ok else "dead" if result.dead else "failed"
        found.setdefault(result.model, Counter())[outcome] += 1
        if result.failure is not None:
            codes.setdefault(result.model, Counter())[result.failure.code] += 1
    return [
        f"{model}: counted {dict(counted)}, and there are {dict(there)}"
        for model in found
        for counted, there in (
            (counts[model].images, found[model]),
            (counts[model].failures, codes.get(model, Counter())),
        )
        if dict(counted) != dict(there)
    ]
