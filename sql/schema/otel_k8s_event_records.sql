-- Log records that may be Kubernetes events, on their way from otel_logs to otel_k8s_events. Nothing is kept here.
-- It stands between because ClickHouse plans a view anew for every insert: the view behind takes ten milliseconds to plan, and
-- is not planned at all when no record gets this far.
CREATE TABLE IF NOT EXISTS ${database}.otel_k8s_event_records${on_cluster}
(
    `Timestamp` DateTime64(9),
    `SeverityText` LowCardinality(String),
    `Body` String,
    `ResourceAttributes` Map(LowCardinality(String), String),
    `LogAttributes` Map(LowCardinality(String), String),
    `IngestedAt` DateTime64(9)
)
ENGINE = Null
