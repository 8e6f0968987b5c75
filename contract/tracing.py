"""Traces, for those who have OpenTelemetry: submit → task → attempt is one, across gateway, doorbell and slot.

OpenTelemetry's instrumentations for FastAPI and Celery make most spans; the submission's is our own, and what became of
an attempt is noted on the task's. Without the package, or where nobody has set an SDK up, all of this does nothing.

The context travels in the doorbell's headers, as W3C's `traceparent`. A reader that knows none passes it over.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final, Literal

from contract.errors import SettingsError

Exporter = Literal["otlp", "console"]

_NAME: Final = "vedette"
_HEADERS: Final = ("traceparent", "tracestate")
_PACKAGES: Final = (
    "opentelemetry.sdk",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.instrumentation.celery",
)
_NOT_INSTALLED: Final = "OTEL_* variables ask for traces: pip install 'vedette[otel]', or say OTEL_SDK_DISABLED=true"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[None]:
    """A span around the block, with `vedette.*` attributes."""
    try:
        from opentelemetry import trace
    except ImportError:
        yield
        return
    with trace.get_tracer(_NAME).start_as_current_span(name, attributes=_named(attributes)):
        yield


def note(failed: str = "", /, **attributes: Any) -> None:
    """Adds to the span that is open; `failed` says why it is one of a failure."""
    try:
        from opentelemetry import trace
    except ImportError:
        return
    current = trace.get_current_span()
    current.set_attributes(_named(attributes))
    if failed:
        current.set_status(trace.Status(trace.StatusCode.ERROR, failed))


def headers() -> dict[str, str]:
    """What a message needs so that its reader goes on with this trace; empty where there is none."""
    carrier: dict[str, str] = {}
    try:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        return carrier
    TraceContextTextMapPropagator().inject(carrier)
    return carrier


@contextmanager
def continued(message_headers: Mapping[str, Any]) -> Iterator[None]:
    """Goes on, in the block, with the trace that `headers` put into a message. Whatever else is there is no trace."""
    try:
        from opentelemetry import context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        yield
        return
    carrier = {name: text for name in _HEADERS if isinstance(text := message_headers.get(name), str)}
    token = context.attach(TraceContextTextMapPropagator().extract(carrier))
    try:
        yield
    finally:
        context.detach(token)


def exporter_wanted(environment: Mapping[str, str]) -> Exporter | None:
    """What OpenTelemetry's own variables say; None: no traces. SettingsError for an exporter that is not here."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    named = environment.get("OTEL_TRACES_EXPORTER", "")
    if named == "otlp" or (not named and any(map(environment.get, _ENDPOINTS))):
        return "otlp"
    if named == "console":
        return "console"
    if named in ("", "none"):
        return None
    raise SettingsError(f"OTEL_TRACES_EXPORTER={named}: expected otlp, console or none")


def check() -> None:
    """SettingsError when `set_up` would not do, in a process whose children will call it."""
    if exporter_wanted(os.environ) is not None and not all(map(_is_installed, _PACKAGES)):
        raise SettingsError(_NOT_INSTALLED)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False


def set_up(service: str) -> bool:
    """Sends the spans of this process where OTEL_* variables say; whether they say so. Threads: after a fork only."""
    wanted = exporter_wanted(os.environ)
    if wanted is None:
        return False
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.celery import CeleryInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
    except ImportError:
        raise SettingsError(_NOT_INSTALLED) from None
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter() if wanted == "otlp" else ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)
    CeleryInstrumentor().instrument()
    return True


def flush() -> None:
    """Sends what is left, for a process that ends without Python's own end."""
    try:
        from opentelemetry import trace
    except ImportError:
        return
    shutdown = getattr(trace.get_tracer_provider(), "shutdown", None)
    if shutdown is not None:
        shutdown()


def _named(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{_NAME}.{name}": value for name, value in attributes.items() if value is not None}
