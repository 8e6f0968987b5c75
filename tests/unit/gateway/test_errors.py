"""What an error becomes over HTTP: one shape, one table of statuses, nothing of the inside."""

import json
import re
from pathlib import Path

import pytest

from contract import errors as contract_errors
from contract.errors import JobUnknown, NoCapableWorker, RedisUnreachable, VedetteError
from producer import errors as producer_errors
from producer.gateway import errors as gateway_errors
from producer.gateway.errors import STATUS, GatewayError, TooManyStreams, answer_to, flaws, public_text, status_of

DOCUMENT = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")


def kinds_of(module: object) -> list[type[VedetteError]]:
    return [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, VedetteError)]


def test_every_error_that_a_caller_can_cause_has_a_status_and_stands_in_the_document() -> None:
    documented = {
        code: int(status)
        for status, codes in re.findall(r"^\| (\d+) \| (.*) \|$", DOCUMENT, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }

    assert documented.pop("internal") == 500
    assert documented == STATUS


def test_every_status_is_of_an_error_that_exists() -> None:
    modules = (contract_errors, producer_errors, gateway_errors)
    codes = {kind.code for module in modules for kind in kinds_of(module)}

    assert set(STATUS) - {"blobs_full"} <= codes  # of a Client that takes uploads
    own = {kind.code for kind in kinds_of(gateway_errors) if issubclass(kind, GatewayError)}
    assert own - set(STATUS) == {"internal", "error"}


def test_an_answer_has_code_and_message_and_nothing_else() -> None:
    answer = answer_to(JobUnknown("unknown job 'x'"), "/v1/jobs/x")

    assert answer.status_code == 404
    assert json.loads(answer.body) == {"code": "job_unknown", "message": "unknown job 'x'"}
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("error", "expected"),
    [(TooManyStreams("full", 12.4), "13"), (TooManyStreams("full", 0.1), "1"), (NoCapableWorker("nobody"), "5")],
)
def test_what_may_work_later_says_when(error: VedetteError, expected: str) -> None:
    assert answer_to(error, "/v1/jobs/x").headers["Retry-After"] == expected


def test_addresses_of_the_inside_stay_inside() -> None:
    assert "10.0.0.7" not in public_text(RedisUnreachable("no Redis at redis://10.0.0.7:6379/0"))


@pytest.mark.parametrize("path", ["/v1/models/m:predict", "/v1/models/m", "/v2/models/m/infer", "/v2"])
def test_clients_of_other_servers_read_another_shape(path: str) -> None:
    assert json.loads(answer_to(JobUnknown("unknown"), path).body) == {"code": "job_unknown", "error": "unknown"}
    assert "message" in json.loads(answer_to(JobUnknown("unknown"), "/v1/models").body)


def test_an_error_of_the_workers_is_a_mistake_of_ours() -> None:
    class Unheard(VedetteError):
        code = "unheard_of"

    assert status_of(Unheard()) == 500


def test_half_a_surrogate_pair_can_be_told() -> None:
    assert (
        json.loads(answer_to(JobUnknown("unknown job \ud800"), "/v1/jobs/x").body)["message"] == r"unknown job \ud800"
    )


def test_flaws_name_the_place_and_are_bounded() -> None:
    item = {"loc": ("body", "images", 3), "msg": "Input should be a string", "input": "x" * 500}

    told = flaws([item] * 7)

    assert told.startswith("images.3: Input should be a string (got 'xxx")
    assert told.endswith("and 2 more")
    assert len(told) < 1000
