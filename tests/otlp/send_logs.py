"""Sends log records with OpenTelemetry's SDK for Python, compressed with gzip, in batches.

    send_logs.py http http://127.0.0.1:4318/v1/logs COUNT PROJECT
    send_logs.py grpc 127.0.0.1:4317 COUNT PROJECT

Prints, one JSON object a line, what each record must come back as: the members that `data/otlp.md` promises. Over HTTP the
project is named by the resource, over gRPC by a header. Exits with 1 when a batch was not taken.
"""

import json
import sys
import time

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource

SEVERITIES = [
    (SeverityNumber.DEBUG, "DEBUG", {"level": "DEBUG"}),
    (SeverityNumber.INFO, "INFO", {"level": "INFO"}),
    (SeverityNumber.WARN, "WARNING", {"level": "WARN", "severityText": "WARNING"}),
    (SeverityNumber.ERROR, "ERROR", {"level": "ERROR"}),
    (SeverityNumber.FATAL, "CRITICAL", {"level": "ERROR", "severityNumber": 21, "severityText": "CRITICAL"}),
]
BATCH_RECORDS_MAX = 100


class Checked(LogRecordExporter):
    """An exporter that remembers whether a batch was not taken."""

    def __init__(self, inner):
        self.inner = inner
        self.failed = False

    def export(self, batch):
        result = self.inner.export(batch)
        self.failed |= result.name != "SUCCESS"
        return result

    def force_flush(self, timeout_millis=30_000):
        return self.inner.force_flush(timeout_millis)

    def shutdown(self):
        self.inner.shutdown()


def exporter(protocol, endpoint, headers):
    if protocol == "http":
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

        return OTLPLogExporter(endpoint=endpoint, headers=headers, compression=Compression.Gzip, timeout=30)
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

    return OTLPLogExporter(
        endpoint=endpoint, insecure=True, headers=headers, compression=Compression.Gzip, timeout=30
    )


def record(number, started_ns):
    """The record of this number, and what it must come back as."""
    severity, severity_text, level = SEVERITIES[number % len(SEVERITIES)]
    trace_id, span_id = 0x0AF7651916CD43DD8448EB211C800000 + number, 0xB7AD6B7169203000 + number
    span = trace.SpanContext(trace_id, span_id, is_remote=False, trace_flags=trace.TraceFlags(1))
    context = trace.set_span_in_context(trace.NonRecordingSpan(span))
    attributes = {
        "test.number": number,
        "workflow_id": f"workflow-{number % 3}",
        "annals.persona_id": "persona \"é\"",
        "enduser.id": f"user-{number}",
        "http.response.status_code": 200 + number,
        "ratio": 0.25,
        "retried": number % 2 == 0,
        "tags": ["a", "b"],
    }
    expected = {
        **{key: attributes[key] for key in ["test.number", "http.response.status_code", "ratio", "retried", "tags"]},
        **level,
        "workflowId": attributes["workflow_id"],
        "personaId": attributes["annals.persona_id"],
        "endUserId": attributes["enduser.id"],
        "traceId": f"{trace_id:032x}",
        "spanId": f"{span_id:016x}",
        "flags": 1,
        "type": "python-sender",
    }
    body = f"record {number}: line one\nline two \U0001f600"
    expected["message"] = body
    event_name = None
    if number % 5 == 1:
        body = {"message": f"map {number}", "amount": number, "nested": {"list": [1, 2.5, None, True]}}
        expected |= {"message": body["message"], "payload": body}
    if number % 7 == 2:
        attributes |= {"exception.type": "ValueError", "exception.message": "no", "exception.stacktrace": "at 1\nat 2"}
        expected["error"] = {"type": "ValueError", "message": "no", "stacktrace": "at 1\nat 2"}
    if number % 11 == 3:
        event_name = "sync.finished"
        expected["eventName"] = event_name
    if number % 13 == 4:
        attributes["id"] = "the same for all"
        expected["otel"] = {"attributes": {"id": "the same for all"}}
    time_ns = started_ns + number * 1_000_000
    seconds, rest = divmod(time_ns // 1_000, 1_000_000)
    expected["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:06}Z"
    sent = LogRecord(
        timestamp=time_ns,
        observed_timestamp=time_ns,
        context=context,
        severity_number=severity,
        severity_text=severity_text,
        body=body,
        attributes=attributes,
        event_name=event_name,
    )
    return sent, expected


def main():
    protocol, endpoint, count, project = sys.argv[1:]
    by_resource = protocol == "http"
    headers = {} if by_resource else {"annals-project": project}
    resource = {"service.name": "python-sender", "host.name": "here"}
    if by_resource:
        resource["annals.project_id"] = project
    checked = Checked(exporter(protocol, endpoint, headers))
    provider = LoggerProvider(resource=Resource(resource), shutdown_on_exit=False)
    provider.add_log_record_processor(
        BatchLogRecordProcessor(checked, max_export_batch_size=BATCH_RECORDS_MAX, max_queue_size=max(int(count), BATCH_RECORDS_MAX))
    )
    logger = provider.get_logger("sender", "1.2.3")
    started_ns = time.time_ns()
    for number in range(int(count)):
        sent, expected = record(number, started_ns)
        logger.emit(sent)
        expected |= {
            "projectId": project,
            "resource": {"service.name": "python-sender", "host.name": "here"},
            "scope": {"name": "sender", "version": "1.2.3"},
        }
        print(json.dumps(expected))
    provider.force_flush()
    provider.shutdown()
    sys.exit(1 if checked.failed else 0)


if __name__ == "__main__":
    main()
