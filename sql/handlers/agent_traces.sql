-- name: agent_traces
-- summary: Spans of AI agents, newest first: their calls of models and of tools.
-- description: Without an agent's name: spans of services whose name begins with kagent or krateo-, and any span with
--     attributes of the OpenTelemetry conventions for generative AI (gen_ai.*). Ask question trace about a trace_id for
--     all that belongs together.
-- doors: rest, mcp, clickhouse, cli, docs
-- signals: traces
-- limit rows: 1000
-- limit seconds: 20
--
-- param since: DateTime64(9, 'UTC')
--   default: 1h
--   example: 2026-01-31T10:00:00Z
--   help: Start of the window, included. Not given, it lies one hour before `until`.
-- param until: DateTime64(9, 'UTC')
--   default: now
--   example: 15m
--   help: End of the window, left out.
-- param agent: String
--   default:
--   example: krateo-autopilot
--   help: Only spans of the service with this name, or with this gen_ai.agent.name.
-- param errors: UInt8
--   default: 0
--   bounds: 0 .. 1
--   example: 1
--   help: 1 for nothing but spans with status Error.
-- param namespace: String
--   default:
--   example: payments
--   help: Only spans from this Kubernetes namespace (resource attribute k8s.namespace.name).
-- param cluster: String
--   default:
--   example: prod-eu-1
--   help: Only what comes from this Kubernetes cluster (resource attribute k8s.cluster.name).
-- param limit: UInt32
--   default: 50
--   bounds: 1 .. 1000
--   example: 20
--   help: The most spans to answer with.
--
-- column time: String
--   help: Start of the span, RFC 3339 in UTC.
-- column service: String
--   help: Service that recorded it.
-- column agent: String
--   help: Name of the agent, or empty.
-- column span: String
--   help: Name of the span.
-- column operation: String
--   help: What it did: chat, execute_tool, invoke_agent and so on, or empty.
-- column tool: String
--   help: Tool that was called, or empty.
-- column duration_ms: Float64
--   help: Duration in milliseconds.
-- column error: Bool
--   help: Whether the span's status is Error.
-- column status_message: String
--   help: What the span says about its error.
-- column model: String
--   help: Model that answered, or that was asked for.
--   wide: yes
-- column input_tokens: Nullable(UInt64)
--   help: Tokens sent to the model; null where not told.
--   wide: yes
-- column output_tokens: Nullable(UInt64)
--   help: Tokens that came back; null where not told.
--   wide: yes
-- column trace_id: String
--   help: Trace it belongs to.
-- column span_id: String
--   help: Id of the span.
--   wide: yes
-- column parent_span_id: String
--   help: Id of its parent, or empty.
--   wide: yes
-- column conversation: String
--   help: Conversation it belongs to, or empty.
--   wide: yes
WITH
    ${iso}
SELECT
    iso(Timestamp) AS time,
    ServiceName AS service,
    SpanAttributes['gen_ai.agent.name'] AS agent,
    SpanName AS span,
    SpanAttributes['gen_ai.operation.name'] AS operation,
    SpanAttributes['gen_ai.tool.name'] AS tool,
    round(if(Duration < 9223372036854775808, Duration, 0) / 1e6, 6) AS duration_ms,
    toBool(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS error,
    StatusMessage AS status_message,
    firstNonDefault(SpanAttributes['gen_ai.response.model'], SpanAttributes['gen_ai.request.model']) AS model,
    toUInt64OrNull(SpanAttributes['gen_ai.usage.input_tokens']) AS input_tokens,
    toUInt64OrNull(SpanAttributes['gen_ai.usage.output_tokens']) AS output_tokens,
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    SpanAttributes['gen_ai.conversation.id'] AS conversation
FROM otel_traces
WHERE Timestamp >= {since:DateTime64(9, 'UTC')}
    AND Timestamp < {until:DateTime64(9, 'UTC')}
    AND ({namespace:String} = '' OR ResourceAttributes['k8s.namespace.name'] = {namespace:String}) -- when: namespace
    AND ({cluster:String} = '' OR ClusterName = {cluster:String}) -- when: cluster
    AND ({agent:String} = '' OR ServiceName = {agent:String} OR SpanAttributes['gen_ai.agent.name'] = {agent:String}) -- when: agent
    AND (
        {agent:String} != ''
        OR startsWith(ServiceName, 'kagent')
        OR startsWith(ServiceName, 'krateo-')
        OR hasAny(
            mapKeys(SpanAttributes),
            ['gen_ai.operation.name', 'gen_ai.agent.name', 'gen_ai.tool.name',
                'gen_ai.system', 'gen_ai.provider.name', 'gen_ai.request.model']
        )
    )
    AND (NOT {errors:UInt8} OR StatusCode IN ('Error', 'STATUS_CODE_ERROR'))
ORDER BY Timestamp DESC, trace_id, span_id
LIMIT {limit:UInt32}
