"""One trace from a request to the gateway to the attempt in a slot, as a collector of OpenTelemetry gets it."""

import json
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.redis_server import free_port
from tests.support.wait import wait_until
from tests.support.worker_process import ROOT, environment

pytestmark = pytest.mark.integration
trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
pytest.importorskip("opentelemetry.instrumentation.celery")
pytest.importorskip("opentelemetry.instrumentation.fastapi")


class Collector(BaseHTTPRequestHandler):
    spans: list = []  # noqa: RUF012  # of the one test here

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        for resource in trace_service.ExportTraceServiceRequest.FromString(body).resource_spans:
            service = {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"]
            self.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        pass


@pytest.fixture
def collector():
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def gateway(settings, **variables):
    port = free_port()
    command = [sys.executable, "-m", "vedette", "gateway", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(settings, **variables))
    try:
        wait_until(lambda: _get(f"http://127.0.0.1:{port}/healthz"), 60, that="the gateway answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_a_request_is_followed_to_its_attempts_over_the_death_of_a_slot(new_yard, collector):
    # Time for the death to be seen where it happens: a reconciler, who comes later, rings with a trace of its own.
    patient = {"VEDETTE_LEASE": "60", "VEDETTE_BELL_PATIENCE": "120"}
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_BSP_SCHEDULE_DELAY": "200", **patient}
    new_yard.model("slow", call_s=2)
    with (
        new_yard.worker("traced", "--memory", "2g", "--slots", "1", "--threads", "1", **variables) as worker,
        gateway(new_yard.settings, **variables) as base,
    ):
        new_yard.wait_until_listening(worker.node, "detect.any.512m")
        body = {"images": [str(path) for path in new_yard.plain_images(2)], "model": "slow"}
        request = urllib.request.Request(f"{base}/v1/jobs", json.dumps(body).encode(), method="POST")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            job = json.load(answer)["id"]
        # Given that the first slot dies at it, with its span: the next attempt must find its trace all the same
        wait_until(lambda: new_yard.client.zcard("vedette:leases"), 30, that="the slot is at it")
        worker.slots()[0].kill()

        wait_until(lambda: new_yard.ledger.status(job).ended, 120, that="the job is done")
        runs = wait_until(lambda: _named("run/vedette.detect", answer="done"), 20, that="the attempt's span is there")

    (submit,), (asked,) = _named("vedette.submit"), _named("POST /v1/jobs")
    (service, run), (_, sent), *_ = *runs, *_named("apply_async/vedette.detect")
    assert (service, asked[0]) == ("vedette-worker", "vedette-gateway")
    assert {each.trace_id for each in (run, sent, submit[1], asked[1])} == {run.trace_id}
    assert (submit[1].parent_span_id, sent.parent_span_id) == (asked[1].span_id, submit[1].span_id)
    told = _attributes(run)
    assert (told["vedette.job"], told["vedette.model"], told["vedette.succeeded"]) == (job, "slow@1", 2)
    assert (told["vedette.attempt"], told["vedette.failed"]) == (2, 0)


def _named(name, **attributes):
    found = [(service, span) for service, span in Collector.spans if span.name == name]
    wanted = {f"vedette.{key}": value for key, value in attributes.items()}
    return [each for each in found if wanted.items() <= _attributes(each[1]).items()]


def _attributes(span):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
