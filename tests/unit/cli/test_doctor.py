"""The command, with facts that are played: the page, the document, the exit codes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contract.errors import ModelUnknown
from tests.support.builders import spec
from tests.unit.doctor.test_examine import NO_AVX, REDIS
from tests.unit.doctor.test_packages import GOOD
from tests.unit.doctor.test_tensorflow import healthy
from vedette import cli
from workers.doctor import gather
from workers.doctor.facts import Facts, ModelFacts

MACHINES = Path(__file__).parents[1] / "hardware" / "machines"
FACTS = Facts(gather.gather_machine(MACHINES / "westmere"), healthy(), GOOD, REDIS, {})


def doctor(monkeypatch: pytest.MonkeyPatch, facts: Facts, *arguments: str) -> Result:
    monkeypatch.setattr(gather, "gather", lambda *_: facts)
    return CliRunner().invoke(cli.vedette, ["doctor", *arguments])


def test_a_healthy_machine_is_a_page_and_0(monkeypatch: pytest.MonkeyPatch) -> None:
    result = doctor(monkeypatch, FACTS)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "cpu         x86_64_v2: Intel(R) Xeon(R) CPU X5650 @ 2.67GHz, 12 cores for this process" in lines
    assert lines[-1].startswith("Healthy: a worker can run here")
    assert not any(line.endswith(" ") for line in lines)


def test_problems_come_last_with_what_to_do_and_1(monkeypatch: pytest.MonkeyPatch) -> None:
    result = doctor(monkeypatch, replace(FACTS, preflight=NO_AVX))
    assert result.exit_code == 1
    problems = result.stdout[result.stdout.index("Problems") :].splitlines()
    assert problems[1] == "  cpu_lacks_instruction"
    assert [line.split()[0] for line in problems[2:] if line.startswith("    ") and line[4] != " "] == [
        "seen",
        "why",
        "do",
    ]
    assert problems[-1].startswith("Not healthy: a worker cannot run here as things are; 1 problem")


def test_a_model_that_cannot_run_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    result = doctor(monkeypatch, replace(FACTS, model=ModelFacts(spec(base="30g"), None)), "defects-small")
    assert result.exit_code == 1
    assert "defects-small@1 cannot run here; it needs 64 GiB of memory per slot (has 22.3 GiB)." in result.stdout
    assert "Not healthy: a worker with defects-small cannot run here" in result.stdout


def test_as_json_there_is_nothing_else_on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    result = doctor(monkeypatch, replace(FACTS, preflight=NO_AVX), "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (document["schema"], document["healthy"]) == (1, False)
    assert [found["code"] for found in document["findings"] if found["level"] == "problem"] == ["cpu_lacks_instruction"]


@pytest.mark.parametrize("arguments", [["--nope"], ["a", "b"]])
def test_wrong_usage_is_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert doctor(monkeypatch, FACTS, *arguments).exit_code == 2


def test_an_unknown_model_is_2_and_names_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEDETTE_REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(ModelUnknown, match=r"has defects-large@1, defects-small@1"):
        gather.find_model("nope", gather_settings())
    result = CliRunner().invoke(cli.vedette, ["doctor", "nope"])
    assert result.exit_code == 2
    assert "unknown model 'nope'" in result.stderr


@pytest.mark.parametrize("name", ["defects-small", "defects-small@1", "defects-small@latest"])
def test_a_model_of_the_store_is_found(name: str) -> None:
    found, in_store = gather.find_model(name, gather_settings())
    assert found.ref == "defects-small@1"
    assert in_store


def gather_settings() -> "gather.Settings":
    return gather.Settings()
