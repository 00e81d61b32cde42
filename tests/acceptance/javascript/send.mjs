// Sends one service's telemetry with the official OTLP/HTTP exporters, which speak JSON, and prints the ids it made.
//
//     node send.mjs SERVICE SECOND
//
// SECOND is the Unix time at which everything happens. Where to send and how to compress is read by the exporters
// themselves, from OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_COMPRESSION.
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, createTraceState, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { AggregationType, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [service, second] = [process.argv[2], Number(process.argv[3])];
const at = (nanoseconds, later = 0) => [second + later, 123456789 + nanoseconds];
const scope = ["shop.web", "2.0.1", { schemaUrl: "https://opentelemetry.io/schemas/1.37.0" }];
const resource = resourceFromAttributes(
  { "service.name": service, cpus: 8, tags: ["a", "b"], up: true },
  { schemaUrl: "https://opentelemetry.io/schemas/1.38.0" },
);
const linked = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.SAMPLED,
  traceState: createTraceState("rojo=1"),
};
const nested = {
  z: null,
  a: [1, 2.5, "x", true, { deep: [[], {}] }],
  bytes: new Uint8Array([0, 255]),
  ß: { b: 2 ** 53 - 1, a: "line\nbreak <&>" },
};

// Waits for the answer, and ends the program with an error where it is no acknowledgement.
const send = (exporter, what) =>
  new Promise((resolve, reject) => {
    exporter.export(what, ({ code, error }) => (code === 0 ? resolve() : reject(error ?? new Error("not stored"))));
  }).then(() => exporter.shutdown());

async function sendSpans() {
  const kept = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(kept)] }).getTracer(...scope);
  const page = tracer.startSpan(
    "GET /",
    {
      kind: SpanKind.SERVER,
      startTime: at(0),
      attributes: {
        text: "naïve ☕ \"quoted\"\n", yes: true, big: 2 ** 53 - 1, third: 1 / 3, tiny: 1e-7, whole: 2.0,
        texts: ["a", "", "<&>"], numbers: [1, -2.5], flags: [true, false], empty: "",
      },
      links: [{ context: linked, attributes: { why: "retry" } }],
    },
    ROOT_CONTEXT,
  );
  const inside = trace.setSpan(ROOT_CONTEXT, page);
  tracer.startSpan("fetch", { kind: SpanKind.CLIENT, startTime: at(1000) }, inside).end(at(2000));
  page.addEvent("rendered", { nodes: 3 }, at(10));
  page.setStatus({ code: SpanStatusCode.ERROR, message: "half a page" });
  page.end(at(1, 1));
  await send(new OTLPTraceExporter(), kept.getFinishedSpans());
  return Object.fromEntries(kept.getFinishedSpans().map((span) => [span.name, span.spanContext()]));
}

async function sendLogs() {
  const kept = new InMemoryLogRecordExporter();
  const processors = [new SimpleLogRecordProcessor({ exporter: kept })];
  const logger = new LoggerProvider({ resource, processors }).getLogger(...scope);
  const bodies = ["half a page", nested, ["a", 1, { b: false }], 42, 2.5, false, new Uint8Array([0, 255])];
  bodies.forEach((body, number) =>
    logger.emit({
      timestamp: at(number),
      observedTimestamp: at(0, 1),
      severityNumber: SeverityNumber.WARN,
      severityText: "WARNING",
      body,
      attributes: { nested, list: [1, "two"], n: -1 },
      eventName: "shop.event",
      context: trace.setSpanContext(ROOT_CONTEXT, linked),
    }),
  );
  await send(new OTLPLogExporter(), kept.getFinishedLogRecords());
}

class OnDemand extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

async function sendMetrics() {
  const reader = new OnDemand();
  const views = [
    { instrumentName: "size", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 4 } } },
  ];
  const meter = new MeterProvider({ resource, readers: [reader], views }).getMeter(...scope);
  meter.createCounter("orders", { unit: "{order}", description: "Orders placed." }).add(60, { pay: "card" });
  meter.createUpDownCounter("in_use", { unit: "{connection}" }).add(-1.5);
  meter.createGauge("memory", { unit: "By" }).record(2 ** 53, { pool: "heap" });
  const advice = { explicitBucketBoundaries: [0.25, 0.5, 1] };
  const latency = meter.createHistogram("latency", { unit: "s", advice });
  [0.125, 0.75].forEach((value) => latency.record(value, { route: "/a" }));
  const size = meter.createHistogram("size", { unit: "By" });
  [1, 16, 0].forEach((value) => size.record(value));
  const { resourceMetrics } = await reader.collect();
  for (const { metrics } of resourceMetrics.scopeMetrics) {
    for (const point of metrics.flatMap((metric) => metric.dataPoints)) {
      // As the SDK would have it with another clock.
      Object.assign(point, { startTime: at(0), endTime: at(0, 60) });
    }
  }
  await send(new OTLPMetricExporter(), resourceMetrics);
}

const spans = await sendSpans();
await sendLogs();
await sendMetrics();
console.log(JSON.stringify(spans));
