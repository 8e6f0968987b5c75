"""When there are traces, and how they travel."""

import pytest

from contract import tracing
from contract.errors import SettingsError

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("variables", "exporter"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "x"}, None),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, None),
    ],
)
def test_they_are_off_unless_opentelemetrys_variables_ask_for_them(variables, exporter):
    assert tracing.exporter_wanted(variables) == exporter


def test_an_exporter_that_is_not_here_is_named():
    with pytest.raises(SettingsError, match="OTEL_TRACES_EXPORTER=zipkin: expected otlp, console or none"):
        tracing.exporter_wanted({"OTEL_TRACES_EXPORTER": "zipkin"})


def test_without_a_trace_a_message_says_nothing_of_one():
    with tracing.span("vedette.submit", model="tiny@1"):
        tracing.note("so it goes", images=3)
        assert tracing.headers() == {}


def test_a_process_without_an_sdk_hands_a_trace_on():
    pytest.importorskip("opentelemetry")
    with tracing.continued({"traceparent": PARENT, "id": "task-1"}):
        assert tracing.headers() == {"traceparent": PARENT}
    assert tracing.headers() == {}


@pytest.mark.parametrize("given", [{}, {"traceparent": None}, {"traceparent": 7}, {"traceparent": "00-x"}])
def test_what_is_no_trace_is_passed_over(given):
    with tracing.continued(given):
        assert tracing.headers() == {}


def test_traces_that_are_asked_for_and_cannot_be_had_are_told_before_a_slot_needs_them(monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setattr(tracing, "_PACKAGES", ("opentelemetry_of_nobody.sdk",))
    with pytest.raises(SettingsError, match=r"pip install 'vedette\[otel\]'"):
        tracing.check()

    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing.check()
