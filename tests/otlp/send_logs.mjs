// Sends log records with OpenTelemetry's SDK for Node, compressed with gzip, in batches.
//
//     node send_logs.mjs json  http://127.0.0.1:4318/v1/logs COUNT PROJECT
//     node send_logs.mjs proto http://127.0.0.1:4318/v1/logs COUNT PROJECT
//     node send_logs.mjs grpc  http://127.0.0.1:4317 COUNT PROJECT
//
// Prints, one JSON object a line, what each record must come back as: the members that data/otlp.md promises. In JSON the
// project is named by a header, else by the resource. Exits with 1 when a batch was not taken.

import { ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as GrpcExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";

const EXPORTERS = { json: JsonExporter, proto: ProtoExporter, grpc: GrpcExporter };
const SEVERITIES = [
  [SeverityNumber.DEBUG, "DEBUG", { level: "DEBUG" }],
  [SeverityNumber.INFO, undefined, { level: "INFO" }],
  [SeverityNumber.WARN, "warn", { level: "WARN", severityText: "warn" }],
  [SeverityNumber.ERROR2, "ERROR", { level: "ERROR", severityNumber: 18 }],
];
const BATCH_RECORDS_MAX = 100;

let failed = false;

/// An exporter that remembers whether a batch was not taken.
class Checked {
  constructor(inner) {
    this.inner = inner;
  }

  export(records, done) {
    this.inner.export(records, (result) => {
      if (result.code !== 0) {
        failed = true;
        console.error(result.error);
      }
      done(result);
    });
  }

  forceFlush() {
    return this.inner.forceFlush?.();
  }

  shutdown() {
    return this.inner.shutdown();
  }
}

/// The record of this number, and what it must come back as.
function record(number, startedS) {
  const [severityNumber, severityText, level] = SEVERITIES[number % SEVERITIES.length];
  const hex = (digits) => number.toString(16).padStart(digits, "0");
  const traceId = `0af7651916cd43dd8448${hex(12)}`;
  const spanId = `b7ad6b71${hex(8)}`;
  const attributes = {
    "test.number": number,
    workflowId: `workflow-${number % 3}`,
    "annals.webhook_id": `webhook "${number}"`,
    "user.id": `user-${number}`,
    large: Number.MAX_SAFE_INTEGER,
    ratio: 0.25,
    nested: { list: [1, "two", [3]], empty: {} },
  };
  const sent = {
    timestamp: [startedS, number * 1_000],
    severityNumber,
    severityText,
    body: `record ${number}: line one\nline two \u{1f600}`,
    attributes,
    context: trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED }),
  };
  const expected = {
    ...level,
    "test.number": number,
    large: Number.MAX_SAFE_INTEGER,
    ratio: 0.25,
    nested: attributes.nested,
    workflowId: attributes.workflowId,
    webhookId: attributes["annals.webhook_id"],
    endUserId: attributes["user.id"],
    timestamp: `${new Date(startedS * 1_000).toISOString().slice(0, 19)}.${String(number).padStart(6, "0")}Z`,
    traceId,
    spanId,
    flags: 1,
    type: "node-sender",
    message: sent.body,
  };
  if (number % 5 === 1) {
    sent.body = { msg: `map ${number}`, amount: number };
    Object.assign(expected, { message: sent.body.msg, payload: sent.body });
  }
  if (number % 7 === 2) {
    sent.body = new Uint8Array([0, 1, 255]);
    Object.assign(expected, { message: "3 bytes", payload: "AAH/" });
  }
  if (number % 11 === 3) {
    sent.exception = new TypeError("no");
    expected.error = { type: "TypeError", message: "no", stacktrace: sent.exception.stack };
    if (sent.body instanceof Uint8Array) {
      expected.message = "no";
    }
  }
  if (number % 13 === 4) {
    sent.eventName = "sync.finished";
    sent.body = undefined;
    Object.assign(expected, { eventName: "sync.finished", message: "sync.finished" });
    delete expected.payload;
  }
  return [sent, expected];
}

async function main() {
  const [protocol, url, count, project] = process.argv.slice(2);
  const byHeader = protocol === "json";
  const headers = byHeader ? { "annals-project": project } : {};
  const resource = { "service.name": "node-sender", "host.name": "here" };
  const exporter = new Checked(new EXPORTERS[protocol]({ url, headers, compression: "gzip", timeoutMillis: 30_000 }));
  const provider = new LoggerProvider({
    resource: resourceFromAttributes(byHeader ? resource : { ...resource, "annals.project_id": project }),
    processors: [
      new BatchLogRecordProcessor({ exporter, maxExportBatchSize: BATCH_RECORDS_MAX, maxQueueSize: BATCH_RECORDS_MAX + Number(count) }),
    ],
  });
  const logger = provider.getLogger("sender", "1.2.3");
  const startedS = Math.floor(Date.now() / 1_000);
  for (let number = 0; number < Number(count); number++) {
    const [sent, expected] = record(number, startedS);
    logger.emit(sent);
    const around = { projectId: project, resource, scope: { name: "sender", version: "1.2.3" } };
    console.log(JSON.stringify({ ...expected, ...around }));
  }
  await provider.forceFlush();
  await provider.shutdown();
  process.exitCode = failed ? 1 : 0;
}

await main();
